from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.handlers.file_patterns import matcher


@pytest.mark.parametrize("pattern, names", [
    ("*.html", [b"a.html", b"docs/a.html", b"a/b/c.html", b".html", b"a.b.html"]),
    ("robots.txt", [b"robots.txt", b"a/robots.txt"]),
    ("/robots.txt", [b"robots.txt"]),
    ("assets/*", [b"assets/a.js", b"assets/a"]),
    ("assets/**", [b"assets/a.js", b"assets/b/c/a.js"]),
    ("assets/*.js", [b"assets/a.js", b"assets/.js"]),
    ("**/fonts/*", [b"fonts/a", b"a/fonts/b", b"a/b/fonts/c"]),
    ("a/**/z.js", [b"a/z.js", b"a/b/z.js", b"a/b/c/z.js"]),
    ("v?.js", [b"v1.js", b"d/v2.js"]),
    ("*", [b"a", b"b/c"]),
    ("**", [b"a", b"b/c"]),
    ("~[.-][0-9a-f]{12}[.]", [b"app.0123456789ab.js", b"css/x-0123456789ab.css"]),
    ("~^old/", [b"old/a"]),
    ("bücher.txt", ["bücher.txt".encode()]),
    ("b?cher.txt", ["bücher.txt".encode(), b"b\xfccher.txt"]),
    ("a.b", [b"a.b"]),
])
def test_pattern_has_these_and_no_others(pattern, names):
    others = {
        b"a.html.bak", b"ahtml", b"robots.txt/x", b"xrobots.txt", b"asset/a.js", b"x/assets/a.js", b"assets",
        b"fonts", b"afonts/b", b"a/xz.js", b"v10.js", b"v/.js", b"x/old/a", b"aXb", b"robots.txt\n"}
    matches = matcher([pattern])
    assert [name for name in names if not matches(name)] == []
    if pattern not in ("*", "**"):
        assert [name for name in sorted(others) if matches(name)] == []


def test_any_pattern_of_several_will_do():
    matches = matcher(["*.js", "/a/*"])
    assert matches(b"x/y.js")
    assert matches(b"a/y.css")
    assert not matches(b"b/y.css")
    assert not matcher([])(b"a")


@given(st.text("ab*?.+(^$|\\", min_size=1, max_size=8), st.text("ab.+(", min_size=1, max_size=8))
def test_names_agree_with_fnmatch(pattern, name):
    assert matcher([pattern])(name.encode()) == fnmatchcase(name, pattern)
