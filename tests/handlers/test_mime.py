import mimetypes

import pytest

from proxy.handlers.mime import content_type


@pytest.mark.parametrize("name, expected", [
    (b"a.html", b"text/html; charset=utf-8"),
    (b"A.HTML", b"text/html; charset=utf-8"),
    (b"a.js", b"text/javascript; charset=utf-8"),
    (b"a.json", b"application/json"),
    (b"a.svg", b"image/svg+xml"),
    (b"a.woff2", b"font/woff2"),
    (b"a.wasm", b"application/wasm"),
    (b"a.tar.gz", b"application/gzip"),
    (b"a.tar", b"application/x-tar"),
    (b"README", b"application/octet-stream"),
    (b"a.html.unheard-of", b"application/octet-stream"),
    (b"/site.d/name", b"application/octet-stream"),
    (b"a.\xff", b"application/octet-stream"),
])
def test_type_goes_by_the_last_extension(name, expected):
    assert content_type(name) == expected


def test_type_does_not_depend_on_the_machine(monkeypatch):
    monkeypatch.setitem(mimetypes.types_map, ".unheard-of", "text/html")
    assert content_type(b"a.unheard-of") == b"application/octet-stream"
