import pytest

from proxy.compression.media import COMPRESSIBLE, Media
from proxy.handlers.mime import content_type

MEDIA = Media(COMPRESSIBLE)


@pytest.mark.parametrize("worth", [
    b"text/html", b"text/html; charset=utf-8", b"TEXT/HTML;charset=utf-8", b"text/css ;a=b",
    b"text/event-stream", b"application/json", b"application/problem+json", b"application/atom+xml",
    b"image/svg+xml", b"application/javascript", b"text/javascript", b"application/wasm", b"font/ttf",
    b"application/manifest+json"])
def test_worth_it(worth):
    assert MEDIA.has(worth)


@pytest.mark.parametrize("packed", [
    b"", b"image/png", b"image/jpeg", b"image/webp", b"video/mp4", b"font/woff2", b"font/woff",
    b"application/zip", b"application/gzip", b"application/octet-stream", b"application/pdf",
    b"multipart/byteranges; boundary=x", b"application/jsonp", b"xtext/html", b"application/grpc",
    b"application/x-protobuf", b"a+jsonx"])
def test_not_worth_it(packed):
    assert not MEDIA.has(packed)


def test_what_files_are_called_here():
    assert MEDIA.has(content_type(b"a.html"))
    assert MEDIA.has(content_type(b"a.js"))
    assert MEDIA.has(content_type(b"a.svg"))
    assert not MEDIA.has(content_type(b"a.png"))


def test_patterns_of_ones_own():
    media = Media(["application/*", "*+proto", "Text/Plain", "a.b/c"])
    assert media.has(b"application/zip")
    assert media.has(b"x/y+proto")
    assert media.has(b"text/plain")
    assert not media.has(b"text/html")
    assert not media.has(b"aXb/c")
    assert not Media([]).has(b"text/html")
    more = Media(["common", "application/pdf"])
    assert more.has(b"text/html")
    assert more.has(b"application/pdf")


def test_memory_is_bounded():
    media = Media(["text/*"])
    for number in range(2 * Media.COUNT):
        assert media.has(b"text/x-%d" % number)
    media.has(b"text/" + b"x" * 1000)
    assert len(media._known) <= Media.COUNT
