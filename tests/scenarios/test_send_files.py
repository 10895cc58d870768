"""Files that real applications name and the proxy sends: Flask's send_file, a Django view, under gunicorn."""

import os
import re

import pytest

from tests.scenarios.support import connect

TEXT = "Grüße\n".encode() * 20
LARGE = os.urandom(3_000_000)
SECRET = b"never sent"


@pytest.fixture(scope="module")
def folder(shared):
    folder = shared.folder / "private"
    (folder / "deep").mkdir(parents=True)
    (folder / "a b.txt").write_bytes(TEXT)
    (folder / "Übersicht.txt").write_bytes(TEXT)
    (folder / "deep" / "large.bin").write_bytes(LARGE)
    (shared.folder / "secret.txt").write_bytes(SECRET)
    (folder / "leak.txt").symlink_to(shared.folder / "secret.txt")
    return folder


@pytest.fixture(scope="module", params=["flask", "django"])
def site(request, shared, folder, loop):
    """A proxy before one of the two; `folder` stands in its configuration as seen from there."""
    application = shared.gunicorn(
        f"tests.scenarios.sending:{request.param}", threads=2, env={"FOLDER": str(folder)})
    return shared.before(application, route="send_files: {/protected/: ./private}", loop=loop)


@pytest.fixture
def client(site):
    with connect(site) as client:
        yield client


def ask(client, target, *lines, method="GET"):
    """The answer, of which no part may tell how it came about."""
    client.get(target, *lines, method=method)
    answer = client.response(method)
    assert not re.search(rb"(?i)x-accel|x-sendfile|/private|protected", answer.raw)
    assert SECRET not in answer.body
    return answer


@pytest.mark.parametrize("name, body", [
    ("a%20b.txt", TEXT), ("%C3%9Cbersicht.txt", TEXT), ("deep/large.bin", LARGE)])
def test_a_file_is_sent(client, name, body):
    for _ in range(2):
        answer = ask(client, f"/file/{name}")
        assert (answer.status, answer.body) == (200, body)
    assert answer.get(b"content-length") == b"%d" % len(body)
    assert answer.get(b"content-type") == (
        b"application/octet-stream" if body is LARGE else b"text/plain; charset=utf-8")
    assert answer.get(b"x-content-type-options") == b"nosniff"
    head = ask(client, f"/file/{name}", method="HEAD")
    assert head.get(b"content-length") == b"%d" % len(body)


def test_what_the_application_says_about_it(client):
    answer = ask(client, "/file/a%20b.txt")
    if answer.get(b"set-cookie"):
        assert answer.get(b"set-cookie") == b"seen=1; Path=/"
    else:
        assert answer.get(b"content-disposition") == b'attachment; filename="a b.txt"'
        assert answer.get(b"cache-control") == b"public, max-age=60"
    assert len(answer.all(b"date")) == 1


def test_conditions_and_ranges(client):
    """Flask looks at them itself, with an entity tag of its own, and announces what it does not send."""
    whole = ask(client, "/file/deep/large.bin")
    tag, modified = whole.get(b"etag").decode(), whole.get(b"last-modified").decode()
    for line in (f"If-None-Match: {tag}", f"If-Modified-Since: {modified}"):
        assert ask(client, "/file/deep/large.bin", line).status == 304
    for line in ("A: b", f"If-Range: {tag}"):
        part = ask(client, "/file/deep/large.bin", "Range: bytes=1000000-1999999", line)
        assert (part.status, part.body) == (206, LARGE[1_000_000:2_000_000])
        assert part.get(b"content-range") == b"bytes 1000000-1999999/3000000"
        assert part.get(b"etag").decode() == tag
    last = ask(client, "/file/deep/large.bin", "Range: bytes=-10")
    assert (last.status, last.body) == (206, LARGE[-10:])
    other = ask(client, "/file/deep/large.bin", "Range: bytes=0-9", 'If-Range: "other"')
    assert (other.status, other.body) == (200, LARGE)
    assert ask(client, "/file/deep/large.bin", "Range: bytes=3000000-").status == 416


@pytest.mark.parametrize("name", [
    "..%2fsecret.txt", "deep/..%2f..%2fsecret.txt", "leak.txt", "none.txt", "deep",
    "..%2f..%2f..%2f..%2fetc/hostname"])
def test_what_is_not_below_the_folder(client, name):
    """Flask does not name what is not there, and fails; the proxy does not send it."""
    answer = ask(client, f"/file/{name}")
    assert answer.status in (404, 500)


@pytest.mark.parametrize("uri", [
    "/protected/../secret.txt", "/protected/%252e%252e/secret.txt", "/protected/..%252fsecret.txt",
    "/protected/a%2520b.txt%2500", "/protected/%2500", "/protected/leak.txt"])
def test_odd_uris_lead_nowhere(client, uri):
    """Flask has no such page."""
    assert ask(client, f"/raw?uri={uri}").status == 404


def test_a_connection_is_used_again(client):
    """Django's body is empty: there is nothing to wait for. gunicorn may close a connection, but not each."""
    ports = {ask(client, "/file/a%20b.txt").get(b"x-port") for _ in range(5)}
    assert len(ports) < 5  # Flask has no such field


def test_another_route_cannot_answer(client, site):
    answer = ask(client, "/raw?uri=/file/a%2520b.txt")
    if answer.status == 502:
        assert site.said(r"X-Accel-Redirect b'/file/a%20b.txt' begins with no prefix of send_files")
    else:
        assert answer.status == 404, "Flask has no such page"


def test_without_send_files_nobody_learns_of_it(shared, folder):
    application = shared.gunicorn("tests.scenarios.sending:django", env={"FOLDER": str(folder)})
    proxy = shared.before(application)
    with connect(proxy) as client:
        for _ in range(3):
            answer = ask(client, "/raw?uri=/protected/a%2520b.txt")
            assert (answer.status, answer.body) == (200, b"own")
    line = "asks by X-Accel-Redirect for a file to be sent, and route 1 has no send_files"
    assert proxy.log().count(line) == 1
