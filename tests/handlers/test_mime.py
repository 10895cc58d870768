import re
from pathlib import Path

import pytest

from proxy.handlers.mime import TYPES, WEB, content_type, is_known


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
    (b"a.docx", b"application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"a.epub", b"application/epub+zip"),
    (b"a.m4v", b"video/mp4"),
    (b"a.eot", b"application/vnd.ms-fontobject"),
    (b"a.glb", b"model/gltf-binary"),
    (b"a.geojson", b"application/geo+json"),
    (b"a.ndjson", b"application/x-ndjson"),
    (b"a.cjs", b"text/javascript; charset=utf-8"),
    (b"a.svgz", b"application/octet-stream"),
    (b"README", b"application/octet-stream"),
    (b"a.html.unheard-of", b"application/octet-stream"),
    (b"/site.d/name", b"application/octet-stream"),
    (b"a.\xff", b"application/octet-stream"),
])
def test_type_goes_by_the_last_extension(name, expected):
    assert content_type(name) == expected


def test_no_extension_has_two_types():
    assert len(WEB) == sum(len(extensions.split()) for extensions in TYPES.values())


@pytest.mark.program("nginx")
def test_what_nginx_knows_is_known():
    text = Path("/etc/nginx/mime.types").read_text()
    lines = re.findall(r"^\s+[\w.+/-]+\s+([\w\s]+);", text, re.MULTILINE)
    assert [name for line in lines for name in line.split() if not is_known(b"a." + name.encode())] == []
