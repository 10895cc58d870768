from pathlib import Path

import pytest

from proxy.config.name_rules import UriPrefix


@pytest.mark.parametrize("text", ["/", "/protected/", "/a/b/", "/über/", "/a:b/"])
def test_the_begin_of_uris(text):
    assert UriPrefix().decode(text, Path()) == text


@pytest.mark.parametrize("text, message", [
    ("/protected", "'/protected' is not the begin of URIs; did you mean '/protected/'?"),
    ("protected/", "did you mean '/protected/'?"), ("protected", "did you mean '/protected/'?"),
    ("", "did you mean '/'?"), ("/a//b/", "written plainly"), ("/../a/", "written plainly"),
    ("/a/./", "written plainly"), ("//", "written plainly"), ("/a%20b/", "written plainly"),
    ("/a b/", "written plainly"), ("/a?/", "written plainly"), ("/a\\b/", "written plainly"),
    ("/*/", "written plainly"), ("/protected/*", "did you mean '/protected/'?"),
    (["/a/"], "a list is not a URI's begin")])
def test_what_is_none(text, message):
    with pytest.raises(ValueError, match="URI") as caught:
        UriPrefix().decode(text, Path())
    assert message in str(caught.value)
