from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy.config.plain import mapping_of
from proxy.config.rules import Duration
from proxy.config.static_checks import check_static
from proxy.config.static_rules import CacheControl, CacheRule, FilePattern, ManifestPath
from proxy.handlers.file_patterns import matcher


def refusal(rule, value, folder=Path()):
    with pytest.raises(ValueError) as caught:
        rule.decode(value, folder)
    return str(caught.value)


@pytest.mark.parametrize("text", [
    "*.html", "assets/*", "assets/**", "**/a", "/robots.txt", "a b.txt", "bücher.txt", "~[.]map$", "**", "*",
    "..a"])
def test_patterns_that_are_taken(text):
    assert FilePattern().decode(text, Path()) == text


@pytest.mark.parametrize("text, message", [
    ("", "names no file"), ("/", "names no file"), ("a//b", "names no file"), ("../a", "names no file"),
    ("./a", "names no file"), ("a/..", "names no file"), ("assets/", "did you mean 'assets/**'?"),
    ("*.[jt]s", "has '[' in it"), ("*.{js,css}", "has '{' in it"), ("a\\b", "in it"),
    ("a**", "'**' that is not a whole part"), ("a/**b/c", "'**' that is not a whole part"),
    ("~(", "is not a regular expression"), (["a"], "a list is not a pattern of files"),
])
def test_patterns_that_are_refused(text, message):
    assert message in refusal(FilePattern(), text)


@given(st.text("a*?/.~[(\\{^$", max_size=10))
def test_a_pattern_that_is_taken_compiles(text):
    try:
        FilePattern().decode(text, Path())
    except ValueError:
        return
    assert matcher([text])(b"a") in {True, False}


@pytest.mark.parametrize("text", [
    "no-cache", "no-store", "public, max-age=60", "public,max-age=60", "Max-Age=60", "private",
    'no-cache="Set-Cookie, X", max-age=5', "max-age=60, stale-while-revalidate=30", "x-own=1", 'x="a\\"b"'])
def test_controls_that_are_taken(text):
    assert CacheControl().decode(text, Path()) == text


@pytest.mark.parametrize("text, message", [
    ("", "is not a Cache-Control value"), (",", "is not a Cache-Control value"),
    ("no-cache,", "is not a Cache-Control value"), ("no-cache,,no-store", "is not a Cache-Control value"),
    ("max-age = 60", "needs seconds"), ("x-own = 60", "has no comma before '= 60'"),
    ("public max-age=60", "has no comma before 'max-age=60'"),
    ('x="a', "has no comma before '=\"a'"), ("no-cache; x", "has no comma before '; x'"),
    ("no_cache", "did you mean 'no-cache'?"), ("max_age=60", "did you mean 'max-age'?"),
    ("max-age", "needs seconds"), ("max-age=1h", "needs seconds"), ('s-maxage="60"', "needs seconds"),
    ("no-cache\r\nX: y", "has no comma before 'X: y'"), ("immutabel", "did you mean 'immutable'?"),
    ('x="ü"', "is not a Cache-Control value"), (False, "false is not a Cache-Control value"),
])
def test_controls_that_are_refused(text, message):
    assert message in refusal(CacheControl(), text)


@given(st.text(max_size=20))
def test_a_control_that_is_taken_is_one_line_of_ascii(text):
    try:
        value = CacheControl().decode(text, Path())
    except ValueError:
        return
    assert value.isascii()
    assert value.isprintable() or "\t" in value


def test_manifest_may_come_later_but_is_a_file(tmp_path):
    rule = ManifestPath()
    assert rule.decode("dist/.vite/manifest.json", tmp_path) == tmp_path / "dist/.vite/manifest.json"
    assert "is not a file" in refusal(rule, str(tmp_path))
    assert "is not a file" in refusal(rule, "", tmp_path)


def findings(text):
    return [(loc, message.partition(";")[0]) for loc, message in check_static(mapping_of(text))]


def test_one_rule_says_one_thing():
    rules = [
        {"files": "a", "max_age": "1h", "immutable": True},
        {"files": "a", "control": "no-cache", "max_age": None},
        {"files": "a", "max_age": None},
        {"files": "a"},
        {"files": "a", "max_age": "1h", "control": "no-cache"},
        {"files": "a", "control": "no-cache", "immutable": True},
        "nonsense",
    ]
    assert findings({"cache": rules}) == [
        (("cache", 3), "says nothing about its files"),
        (("cache", 4, "control"), "a second word beside max_age"),
        (("cache", 5, "immutable"), "is for max_age to be longer"),
    ]


def test_keep_is_for_manifests():
    assert findings({"keep": "kept"}) == [
        (("keep",), "means nothing without a manifest, which says what the files of a build are")]
    assert findings({"keep": "kept", "manifest": "m.json"}) == []
    assert findings({"keep": None}) == []


@pytest.mark.parametrize("root, keep, within", [
    ("public", "public", True), ("public", "./public/", True), (".", "kept", True), ("/", "/k", True),
    ("/srv/a", "/srv/a/k", True), ("public", "public2", False), ("public", "kept", False),
    ("public/a", "public", False),
])
def test_keep_is_not_in_the_root(root, keep, within):
    said = findings({"root": root, "keep": keep, "manifest": "m.json"})
    assert [loc for loc, _ in said] == [("keep",)] * within


def test_findings_stand_at_their_place_in_the_file(errors_of):
    lines = errors_of("""\
listen: 127.0.0.1:8080
routes:
  - static:
      root: public
      keep: public
      cache:
        - {files: "*.html"}
""")
    assert any("5:" in line and "routes[0].static.keep" in line and "manifest" in line for line in lines)
    assert any("routes[0].static.cache[0]" in line and "says nothing" in line for line in lines)


def test_rule_in_python():
    rule = CacheRule(files="*.html", max_age="365d", immutable=True)
    assert (rule.files, rule.max_age, rule.control) == (["*.html"], Duration().decode("365d", Path()), None)
    with pytest.raises(ValidationError):
        CacheRule(files=[])
