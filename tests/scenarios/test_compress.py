"""Answers of real applications, compressed by the proxy and read by the clients that people have."""

import importlib
import json
import subprocess
import sys

import curl_cffi
import httpx
import pytest
import requests

from tests.scenarios.compressed import ROWS, TEXT
from tests.scenarios.support import PATIENCE

zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
CODINGS = ("gzip", "br", "zstd")


@pytest.fixture(scope="module")
def application(shared):
    return shared.gunicorn("tests.scenarios.compressed:app", threads=4)


@pytest.fixture(scope="module")
def compressing(shared, application, loop):
    return shared.before(application, route="compress: true", loop=loop)


def by_curl(url, *, headers, timeout):
    return curl_cffi.requests.get(url, accept_encoding=headers["Accept-Encoding"], timeout=timeout)


def pieces(answer):
    """The text of an answer as it comes; httpx knows no zstd without a library of 24 MB."""
    if answer.headers["content-encoding"] != "zstd":
        yield from answer.iter_text()
        return
    read = zstd.ZstdDecompressor().decompress
    for data in answer.iter_raw():
        yield read(data).decode()


@pytest.mark.parametrize("get, coding", [
    (httpx.get, "gzip"), (httpx.get, "br"), (requests.get, "gzip"), (requests.get, "br"),
    *((by_curl, coding) for coding in CODINGS)])
def test_json(compressing, get, coding):
    answer = get(f"{compressing.url}/json", headers={"Accept-Encoding": coding}, timeout=PATIENCE)
    assert answer.json() == ROWS
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["etag"] == 'W/"rows"'
    assert int(answer.headers.get("content-length", 0)) < len(json.dumps(ROWS)) / 2


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("path", ["/text", "/lines"])
def test_long_answers(compressing, path, coding):
    with httpx.stream("GET", compressing.url + path, headers={"Accept-Encoding": coding}) as answer:
        text = "".join(pieces(answer))
        assert text == TEXT
        assert answer.headers["content-encoding"] == coding
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.num_bytes_downloaded < len(TEXT) / 3


@pytest.mark.program("curl")
@pytest.mark.parametrize("path", ["/text", "/lines"])
def test_curl(compressing, path):
    command = ["curl", "--silent", "--show-error", "--compressed", "--include", compressing.url + path]
    head, body = subprocess.run(command, check=True, capture_output=True).stdout.split(b"\r\n\r\n", 1)
    assert b"content-encoding: " in head.lower()
    assert body == TEXT.encode()


def test_who_has_it_is_told_so(compressing):
    url = f"{compressing.url}/json"
    with requests.Session() as client:
        for coding in CODINGS:
            tag = client.get(url, headers={"Accept-Encoding": coding}, timeout=PATIENCE).headers["ETag"]
            fields = {"Accept-Encoding": coding, "If-None-Match": tag}
            answer = client.get(url, headers=fields, timeout=PATIENCE)
            assert (tag, answer.status_code, answer.headers["ETag"]) == ('W/"rows"', 304, 'W/"rows"')
        plain = client.get(url, headers={"Accept-Encoding": "identity"}, timeout=PATIENCE)
        assert plain.headers["ETag"] == '"rows"'
        assert plain.headers["Vary"] == "Accept-Encoding"
        fields = {"Accept-Encoding": "identity", "If-None-Match": plain.headers["ETag"]}
        answer = client.get(url, headers=fields, timeout=PATIENCE)
        assert (answer.status_code, answer.headers["ETag"]) == (304, '"rows"')


def test_a_part_is_a_part_of_the_plain_form(compressing):
    fields = {"Range": "bytes=1000-5999", "Accept-Encoding": "gzip"}
    answer = requests.get(f"{compressing.url}/text", headers=fields, timeout=PATIENCE)
    assert answer.status_code == 206
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["ETag"] == '"text"'
    assert answer.text == TEXT[1000:6000]


def test_head_is_like_get(compressing):
    with httpx.Client(base_url=compressing.url, headers={"Accept-Encoding": "br"}) as client:
        head, got = client.head("/json"), client.get("/json")
    assert head.content == b""
    for name in ("content-encoding", "vary", "etag", "content-type"):
        assert head.headers[name] == got.headers[name]
    assert "content-length" not in head.headers


def test_what_comes_slowly_does_not_wait(compressing):
    with httpx.stream("GET", f"{compressing.url}/slow", headers={"Accept-Encoding": "br"}) as answer:
        texts = filter(None, pieces(answer))
        assert next(texts) == "first\n"
        # The second one is sent only when the first was seen.
        assert httpx.post(f"{compressing.url}/slow").status_code == 204
        assert "".join(texts) == "second\n"


@pytest.mark.parametrize("accept, coding", [("gzip, br, zstd", "gzip"), ("br", "br"), ("zstd", "zstd")])
def test_each_event_arrives_when_it_is_sent(shared, loop, accept, coding):
    application = shared.uvicorn("tests.scenarios.compressed:asgi")
    proxy = shared.before(application, route="compress: true", loop=loop)
    with httpx.stream("GET", proxy.url, headers={"Accept-Encoding": accept}) as answer:
        assert answer.headers["content-encoding"] == coding
        events = filter(None, pieces(answer))
        for number in range(3):
            assert next(events) == f"data: {number}\n\n"
            assert httpx.post(proxy.url).status_code == 204
        assert list(events) == []


def test_without_the_key_nothing_is(shared, application):
    proxy = shared.before(application)
    answer = requests.get(f"{proxy.url}/json", headers={"Accept-Encoding": "gzip"}, timeout=PATIENCE)
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers
    assert answer.headers["ETag"] == '"rows"'
