import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.handlers.manifest import LARGEST, below, load, parse, seen_from

# As the guide shows it: https://vite.dev/guide/backend-integration
VITE = {
    "_shared-B7PI925R.js": {
        "file": "assets/shared-B7PI925R.js", "name": "shared", "css": ["assets/shared-ChJ_j-JS.css"]},
    "_shared-ChJ_j-JS.css": {"file": "assets/shared-ChJ_j-JS.css", "src": "_shared-ChJ_j-JS.css"},
    "logo.svg": {"file": "assets/logo-BuPIv-2h.svg", "src": "logo.svg"},
    "baz.js": {
        "file": "assets/baz-B2H3sXNv.js", "name": "baz", "src": "baz.js", "isDynamicEntry": True},
    "views/bar.js": {
        "file": "assets/bar-gkvgaI9m.js", "name": "bar", "src": "views/bar.js", "isEntry": True,
        "imports": ["_shared-B7PI925R.js"], "dynamicImports": ["baz.js"]},
    "views/foo.js": {
        "file": "assets/foo-BRBmoGS9.js", "name": "foo", "src": "views/foo.js", "isEntry": True,
        "imports": ["_shared-B7PI925R.js"], "css": ["assets/foo-5UjPuW-k.css"],
        "assets": ["assets/font-C3pBNHm2.woff2"]},
}


def names_of(document):
    return parse(json.dumps(document).encode())


def django(paths, version="1.1"):
    return {"paths": paths, "version": version, "hash": "f00dfeedbeef"}


def test_vite_as_documented():
    assert names_of(VITE) == {
        b"assets/shared-B7PI925R.js", b"assets/shared-ChJ_j-JS.css", b"assets/logo-BuPIv-2h.svg",
        b"assets/baz-B2H3sXNv.js", b"assets/bar-gkvgaI9m.js", b"assets/foo-BRBmoGS9.js",
        b"assets/foo-5UjPuW-k.css", b"assets/font-C3pBNHm2.woff2"}


def test_vite_without_hashes_has_nothing_immutable():
    """Who sets entryFileNames, chunkFileNames and assetFileNames to [name] gets a manifest all the same."""
    plain = {
        "_vendor-components.js": {
            "file": "assets/vendor-components.js", "name": "vendor-components",
            "css": ["assets/vendor-components.css"]},
        "_jquery.validate.js": {"file": "assets/jquery.validate.js", "name": "jquery.validate"},
        "fonts/roboto-latin-regular.woff2": {
            "file": "assets/roboto-latin-regular.woff2", "src": "fonts/roboto-latin-regular.woff2"},
        "src/main-application.ts": {
            "file": "assets/main-application.js", "name": "main-application",
            "src": "src/main-application.ts", "isEntry": True, "css": ["assets/main-application.css"]},
        "src/main.ts": {"file": "assets/main.js", "src": "src/main.ts", "isEntry": True},
    }
    assert names_of(plain) == frozenset()


def test_vite_with_some_hashes_has_those():
    """The usual way with a framework that knows its entries by name."""
    mixed = {
        "src/main.ts": {"file": "assets/main.js", "name": "main", "src": "src/main.ts", "isEntry": True},
        "_lazy-BxK3_9aZ.js": {"file": "assets/lazy-BxK3_9aZ.js", "name": "lazy"},
    }
    assert names_of(mixed) == {b"assets/lazy-BxK3_9aZ.js"}


def test_django_names_what_it_renamed():
    paths = {"a.css": "a.0123456789ab.css", "d/b.js": "d/b.ba9876543210.js", "c.txt": "c.txt"}
    assert names_of(django(paths)) == {b"a.0123456789ab.css", b"d/b.ba9876543210.js"}
    assert names_of(django({}, "1.0")) == frozenset()


def test_webpack_names_with_a_hash():
    assert names_of({
        "main.js": "main.3f2a9c1b7d8e4f5a6b7c.js", "main.css": "css/main-3f2a9c1b.css", "a.js": "b.min.js",
        "index.html": "index.html", "logo.3f2a9c1b.svg": "img/logo.3f2a9c1b.svg",
        "x.js": "bundle-version2.js",
    }) == {b"main.3f2a9c1b7d8e4f5a6b7c.js", b"css/main-3f2a9c1b.css"}


def test_nothing_is_a_manifest_too():
    assert names_of({}) == frozenset()


ESCAPES = [
    "../a.012345678901.js", "a/../b.012345678901.js", "/a.012345678901.js", "//cdn/a.012345678901.js",
    "https://cdn.example/a.012345678901.js", "data:a.012345678901.js", "a//b.012345678901.js",
    "./a.012345678901.js", "a\\b.012345678901.js", "a\0.012345678901.js", "\ud800.012345678901.js", "",
    ".hidden/a.012345678901.js"]


@pytest.mark.parametrize("name", ESCAPES)
def test_names_that_escape_are_passed_over(name):
    assert below(name) is None
    for document in (django({"a": name}), {"a": {"file": name}}, {"a": name}):
        assert names_of(document) == frozenset()


@pytest.mark.parametrize("document, message", [
    ([], "is no manifest of"), ("x", "is no manifest of"), (None, "is no manifest of"),
    ({"a": 1}, "is no manifest of"),
    ({"files": {"a": "b"}, "entrypoints": []}, "is no manifest of"), ({"a": {"b": 1}}, "is no manifest of"),
    (django({}, "2.0"), "in its version '2.0'"), (django({}, 1.0), "in its version 1.0"),
])
def test_what_is_no_manifest_is_said(document, message):
    with pytest.raises(ValueError) as caught:
        names_of(document)
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b'{"paths": {"a": "b"'])
def test_what_is_no_json_is_said(data):
    with pytest.raises(ValueError) as caught:
        parse(data)
    assert "is not JSON" in str(caught.value)


keys = st.sampled_from(["paths", "version", "file", "css", "assets", "name", "src", "a"])
json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from([*ESCAPES, "1.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12)


@given(json_values)
def test_no_document_breaks_it(document):
    try:
        names = names_of(document)
    except ValueError:
        return
    assert all(not name.startswith(b"/") and b".." not in name.split(b"/") for name in names)


NAMES = frozenset((b"a.1.js", b"assets/b.2.js", b"assets/c/d.3.js"))


@pytest.mark.parametrize("manifest, root, names", [
    ("site/m.json", "site", NAMES),
    ("site/.vite/manifest.json", "site", NAMES),
    ("site/static/m.json", "site", {b"static/" + name for name in NAMES}),
    ("site/static/x/.vite/m.json", "site", {b"static/x/" + name for name in NAMES}),
    ("site/.vite/manifest.json", "site/assets", {b"b.2.js", b"c/d.3.js"}),
    ("site/m.json", "site/none", set()),
    ("elsewhere/m.json", "site", NAMES),
])
def test_names_are_those_below_the_root(tmp_path, manifest, root, names):
    assert seen_from(NAMES, tmp_path / manifest, tmp_path / root) == names


def test_root_may_be_reached_through_links(tmp_path):
    (tmp_path / "releases/7/static").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/7")
    for manifest, root in (("current/static/m.json", "current"), ("releases/7/static/m.json", "current"),
                           ("current/static/m.json", "releases/7")):
        assert seen_from(NAMES, tmp_path / manifest, tmp_path / root) == {b"static/" + name for name in NAMES}


def test_load_reads_a_file(tmp_path):
    file = tmp_path / "staticfiles.json"
    file.write_text(json.dumps(django({"a.js": "a.0123456789ab.js"})))
    assert load(file, tmp_path) == {b"a.0123456789ab.js"}


def test_load_says_what_is_wrong(tmp_path):
    file = tmp_path / "m.json"
    with pytest.raises(FileNotFoundError):
        load(file, tmp_path)
    with pytest.raises(IsADirectoryError):
        load(tmp_path, tmp_path)
    file.write_text(json.dumps(django({"a.js": "a.0123456789ab.js"})))
    with pytest.raises(ValueError, match="has no names below"):
        load(file, tmp_path / "other")
    with file.open("r+b") as large:
        large.truncate(LARGEST + 1)
    with pytest.raises(ValueError, match="octets"):
        load(file, Path("/"))
