"""Files that an application names and the proxy sends: which ones, with which head, and what nobody sees."""

import os
import re

import pytest

from proxy.handlers import remainder
from proxy.handlers.send_files import SendFiles
from proxy.handlers.static_cache import LARGEST
from proxy.upstream.retry import Retry
from proxy.upstream.rules import PoolRules
from proxy.upstream.sticky import Sticky
from tests.handlers.sites import SECRET, descriptors
from tests.handlers.stage import HELLO, RETRY_ON, settle

PDF = b"%PDF of eleven"
MID = os.urandom(5000)
BIG = os.urandom(LARGEST + 100_000)


@pytest.fixture
def private(tmp_path):
    """A folder of files; `secret.txt` and `outside/` lie beside it."""
    root = tmp_path / "private"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a b.pdf").write_bytes(PDF)
    (root / "100%.txt").write_bytes(b"all")
    (root / "über.txt").write_bytes(b"umlaut")
    (root / "CON: 12:30. ").write_bytes(b"odd")
    (root / ".thumbs").mkdir()
    (root / ".thumbs" / ".one").write_bytes(b"hidden")
    (root / "deep" / "er" / "c.css").write_bytes(b"css")
    (root / "big.bin").write_bytes(BIG)
    (root / "mid.bin").write_bytes(MID)
    (root / "empty").write_bytes(b"")
    os.mkfifo(root / "fifo")
    (root / "inside.pdf").symlink_to("a b.pdf")
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "private2").mkdir()
    (tmp_path / "private2" / "x").write_bytes(SECRET)
    (root / "leak").symlink_to("../secret.txt")
    (root / "leaks").symlink_to("..")
    (root / "far").symlink_to("/etc/hostname")
    return root


@pytest.fixture
def sending(setting, private):
    def make(folders=None, **options):
        return setting(send_files=SendFiles(folders or {"/protected/": private}), **options)
    return make


def answer(*lines, status=b"200 OK", body=b""):
    fields = b"".join(line + b"\r\n" for line in lines)
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(body), body)


def accel(uri, *lines, **options):
    return answer(b"X-Accel-Redirect: " + uri, *lines, **options)


def xsend(path, *lines, **options):
    return answer(b"X-Sendfile: " + os.fsencode(path), *lines, **options)


async def told(s, reply, fields=(), **options):
    """The exchange whose endpoint answers so, and asks for nothing more."""
    exchange = await s.handle(fields=fields, **options)
    s.remote.serve(reply)
    await settle()
    text = exchange.head.lines.lower()
    assert not re.search(rb"x-accel|x-sendfile|protected", text)
    assert b"private" not in text.replace(b"cache-control: private", b"")
    return exchange


# Which file.

@pytest.mark.parametrize("uri, body", [
    (b"/protected/a%20b.pdf", PDF), (b"/protected/a%20b.pdf?ignored=%00", PDF), (b"/protected/a b.pdf", PDF),
    (b"/%70rotected//a%20b.pdf", PDF), (b"/protected/inside.pdf", PDF), (b"/protected/100%25.txt", b"all"),
    (b"/protected/100%.txt", b"all"), (b"/protected/%C3%BCber.txt", b"umlaut"),
    ("/protected/über.txt".encode(), b"umlaut"), ("/protected/über.txt".encode("latin-1"), b"umlaut"),
    (b"/protected/CON: 12:30.%20", b"odd"), (b"/protected/.thumbs/.one", b"hidden"),
    (b"/protected/deep%2fer/c.css", b"css"), (b"/protected/big.bin", BIG), (b"/protected/empty", b"")])
async def test_a_uri_names_a_file(sending, uri, body):
    """Percent-encoded or not, hidden or odd: it is the application that names it."""
    exchange = await told(sending(), accel(uri))
    assert (exchange.status, bytes(exchange.body)) == (200, body)
    assert exchange.field(b"content-length") == b"%d" % len(body)


@pytest.mark.parametrize("uri", [
    b"/protected/../secret.txt", b"/protected/%2e%2e/secret.txt", b"/protected/%2E./secret.txt",
    b"/protected/deep/../../secret.txt", b"/protected/deep/../a b.pdf", b"/protected/./a b.pdf",
    b"/protected/%2e%2e%2fsecret.txt", b"/protected/..%2fprivate2/x", b"/protected/a%20b.pdf%00",
    b"/protected/%00", b"/protected/a%2520b.pdf", b"/protected/leak", b"/protected/leaks/secret.txt",
    b"/protected/far", b"/protected/fifo", b"/protected/", b"/protected/deep", b"/protected/deep/",
    b"/protected/a%20b.pdf/", b"/protected/a%20b.pdf/x", b"/protected/none", b"/protected/" + b"n" * 300,
    b"/protected//etc/passwd", b"/protected/\xff\xfe"])
async def test_what_names_none_is_not_there(sending, uri, tmp_path):
    exchange = await told(sending(), accel(uri, b"Set-Cookie: a=b", body=b"own"))
    assert (exchange.refused, bytes(exchange.body)) == (404, b"404 Not Found\n")
    assert descriptors(tmp_path) == []


@pytest.mark.parametrize("path, body", [
    ("{}/a b.pdf", PDF), ("{}/deep/../a b.pdf", PDF), ("{}/../private/a b.pdf", PDF), ("{}//a b.pdf", PDF),
    ("{}/100%.txt", b"all"), ("{}/über.txt", b"umlaut"), ("{}/big.bin", BIG)])
async def test_a_path_names_a_file(sending, private, path, body):
    """As it is; what `..` in it leads to is what counts, for frameworks join paths."""
    exchange = await told(sending(), xsend(path.format(private)))
    assert (exchange.status, bytes(exchange.body)) == (200, body)


async def test_a_path_as_wsgi_writes_it(sending, private):
    """PEP 3333: Latin-1."""
    exchange = await told(sending(), xsend(f"{private}/über.txt".encode("latin-1")))
    assert bytes(exchange.body) == b"umlaut"


@pytest.mark.parametrize("path", [
    "{}/../secret.txt", "{}/../private2/x", "{}2/x", "/etc/hostname", "{}/leak", "{}/leaks/secret.txt", "{}",
    "{}/", "{}/deep", "a b.pdf", "./a b.pdf", "~/a", "{}/a%20b.pdf", "{}/none"])
async def test_a_path_that_names_none(sending, private, path):
    exchange = await told(sending(), xsend(path.format(private)))
    assert (exchange.refused, SECRET in exchange.body) == (404, False)


async def test_a_folder_that_the_application_knows_by_another_name(sending, private, tmp_path):
    """The configuration names a link, as deploys make them, and the application where that leads."""
    (tmp_path / "current").symlink_to("private")
    s = sending({"/files/": tmp_path / "current"})
    for name in ("current", "private"):
        exchange = await told(s, xsend(tmp_path / name / "a b.pdf"))
        assert bytes(exchange.body) == PDF


async def test_the_longest_prefix_and_the_innermost_folder_count(sending, private):
    deep = private / "deep"
    s = sending({"/protected/": private, "/protected/deep/": deep / "er", "/x/": deep})
    assert bytes((await told(s, accel(b"/protected/deep/c.css"))).body) == b"css"
    assert (await told(s, accel(b"/protected/deep/er/c.css"))).refused == 404
    assert bytes((await told(s, accel(b"/x/er/c.css"))).body) == b"css"
    assert bytes((await told(s, xsend(private / "deep" / "er" / "c.css"))).body) == b"css"


async def test_a_file_that_may_not_be_read(sending, private, monkeypatch, caplog):
    def refuse(self, segments):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr("proxy.handlers.beneath.Root.open", refuse)
    exchange = await told(sending(), accel(b"/protected/a%20b.pdf"))
    assert exchange.refused == 404
    assert "web: X-Accel-Redirect b'/protected/a%20b.pdf': Permission denied" in caplog.text


async def test_a_disk_that_fails(sending, monkeypatch, caplog, tmp_path):
    def fail(*args):
        raise OSError(5, "Input/output error")
    monkeypatch.setattr("proxy.handlers.send_files.os.pread", fail)
    exchange = await told(sending(), accel(b"/protected/a%20b.pdf"))
    assert exchange.refused == 500
    assert "Input/output error" in caplog.text
    assert descriptors(tmp_path) == []


# What the configuration lacks.

async def test_a_uri_of_no_prefix_is_a_mistake_of_the_site(sending, caplog):
    s = sending()
    exchange = await told(s, accel(b"/other/route"))
    assert exchange.refused == 502
    assert ("X-Accel-Redirect b'/other/route' begins with no prefix of send_files (/protected/); give it one "
            "and its folder. No other route answers for an application") in caplog.text


async def test_a_path_in_no_folder_says_which_there_are(sending, private, caplog):
    exchange = await told(sending(), xsend("/srv/elsewhere/a"))
    assert exchange.refused == 404
    assert f"'/srv/elsewhere/a' lies in no folder of send_files ({private}); add its folder" in caplog.text


@pytest.mark.parametrize("reply, field", [
    (accel(b"/protected/a"), "X-Accel-Redirect"), (xsend("/protected/a"), "X-Sendfile"),
    (accel(b"/protected/a", body=b"own")[:-1], "X-Accel-Redirect")])
async def test_without_send_files_it_is_said_once(setting, reply, field, caplog):
    s = setting()
    for _ in range(2):
        exchange = await s.handle()
        s.remote.serve(reply)
        if exchange.finished:
            assert exchange.status == 200
        else:
            s.remote.serve(b"n")
        assert b"x-" not in exchange.head.lines.lower()
    [line] = [record.getMessage() for record in caplog.records]
    assert f"asks by {field} for a file to be sent" in line
    assert "send_files: {/protected/: folder}" in line


@pytest.mark.parametrize("status", [b"404 Not Found", b"304 Not Modified", b"302 Found", b"201 Created"])
async def test_any_other_status_is_the_answer_itself(sending, status):
    body = b"" if status.startswith(b"304") else b"own"
    exchange = await told(sending(), accel(b"/protected/a%20b.pdf", status=status, body=body))
    assert (exchange.status, bytes(exchange.body)) == (int(status[:3]), body)


# The head.

OWN = [b"Content-Disposition: attachment; filename=x.pdf", b"Content-Language: de", b"Vary: Cookie",
       b"Cache-Control: private, max-age=9", b"Expires: Thu, 01 Jan 2026 00:00:00 GMT", b"Set-Cookie: a=b",
       b"Set-Cookie: c=d", b"Content-Security-Policy: default-src 'none'", b"X-Own: yes",
       b"Date: Wed, 01 Jan 2025 00:00:00 GMT"]


async def test_what_is_not_about_its_body_is_the_applications(sending):
    exchange = await told(sending(), accel(
        b"/protected/a%20b.pdf", b"Content-Type: application/x-own", b'ETag: "of nothing"', *OWN,
        b"Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", b"Content-Encoding: gzip", b"Accept-Ranges: none",
        b"Repr-Digest: sha-256=:AA=:", b"Content-MD5: AA=", b"X-Accel-Expires: 9", b"X-Accel-Limit-Rate: 1",
        b"X-Accel-Charset: x", b"X-Accel-Buffering: no", b"X-Content-Type-Options: nosniff"))
    lines = exchange.head.lines.split(b"\r\n")
    assert [line for line in OWN if line not in lines] == []
    assert [line.partition(b":")[0].lower() for line in lines[1:-1] if line not in OWN] == [
        b"content-type", b"etag", b"last-modified", b"accept-ranges", b"x-content-type-options",
        b"content-length"]
    assert exchange.field(b"content-type") == b"application/x-own"
    assert exchange.field(b"accept-ranges") == b"bytes"
    assert exchange.field(b"etag") != b'"of nothing"'
    assert exchange.head.dated


@pytest.mark.parametrize("own", [[], [b"Content-Type:"], [b"content-type: "]])
async def test_without_a_type_it_is_that_of_the_name(sending, own):
    exchange = await told(sending(), accel(b"/protected/a%20b.pdf", *own))
    assert exchange.field(b"content-type") == b"application/pdf"


async def test_the_fields_of_a_304_and_of_an_error(sending):
    s = sending()
    tag = (await told(s, accel(b"/protected/a%20b.pdf"))).field(b"etag")
    same = await told(s, accel(b"/protected/a%20b.pdf", *OWN), fields=[(b"If-None-Match", tag)])
    assert (same.status, same.field(b"etag"), same.body) == (304, tag, b"")
    assert same.fields(b"set-cookie") == [b"a=b", b"c=d"]
    for name in (b"Cache-Control", b"Expires", b"Vary", b"Content-Security-Policy"):
        assert same.field(name)
    for name in (b"Content-Disposition", b"Content-Language", b"Content-Type", b"Content-Length"):
        assert same.field(name) is None
    beyond = await told(s, accel(b"/protected/a%20b.pdf", *OWN), fields=[(b"Range", b"bytes=99-")])
    assert (beyond.status, beyond.field(b"content-range")) == (416, b"bytes */%d" % len(PDF))
    assert beyond.fields(b"set-cookie") == [b"a=b", b"c=d"]
    for name in (b"Cache-Control", b"Expires", b"Content-Disposition"):
        assert beyond.field(name) is None


@pytest.mark.parametrize("name, whole", [(b"mid.bin", MID), (b"big.bin", BIG)])
async def test_ranges(sending, name, whole):
    s = sending()
    uri = b"/protected/" + name
    one = await told(s, accel(uri, *OWN), fields=[(b"Range", b"bytes=2-5")])
    assert (one.status, bytes(one.body)) == (206, whole[2:6])
    assert one.field(b"content-range") == b"bytes 2-5/%d" % len(whole)
    assert one.field(b"content-disposition")
    several = await told(s, accel(uri), fields=[(b"Range", b"bytes=0-0,-1")])
    if whole is BIG:
        assert (several.status, bytes(several.body)) == (200, BIG)
    else:
        assert several.status == 206
        assert several.field(b"content-type").startswith(b"multipart/byteranges")


async def test_a_range_that_the_application_answered_itself(sending, private):
    """Flask's send_file does, with the length of the part and no body."""
    s = sending()
    reply = xsend(private / "a b.pdf", b"Content-Range: bytes 2-5/14", status=b"206 Partial Content")
    exchange = await told(s, reply.replace(b"Length: 0", b"Length: 4"), fields=[(b"Range", b"bytes=2-5")])
    assert (exchange.status, bytes(exchange.body)) == (206, PDF[2:6])
    assert exchange.fields(b"content-range") == [b"bytes 2-5/14"]
    assert s.remote.lost


async def test_head(sending, tmp_path):
    s = sending()
    for name, length in ((b"a%20b.pdf", len(PDF)), (b"big.bin", len(BIG))):
        exchange = await told(s, accel(b"/protected/" + name), method=b"HEAD")
        assert (exchange.status, exchange.field(b"content-length")) == (200, b"%d" % length)
        assert (exchange.body, exchange.finished) == (b"", True)
    assert descriptors(tmp_path) == []


@pytest.mark.parametrize("field", [(b"Range", b"bytes=0-1"), (b"If-None-Match", b"*"), (b"If-Match", b'"x"')])
async def test_another_method_has_been_executed(sending, field):
    """It is too late for conditions: the file is what came of it."""
    exchange = await told(sending(), accel(b"/protected/a%20b.pdf"), method=b"POST", fields=[field])
    assert (exchange.status, bytes(exchange.body)) == (200, PDF)


async def test_the_disguise_and_the_cookie(sending):
    rules = PoolRules(retry=Retry(2, RETRY_ON, 0.2), sticky=Sticky("lb", "secret", "web"))
    exchange = await told(sending(rules=rules), accel(
        b"/protected/a%20b.pdf", b"Link: <http://10.0.0.1:801/x>; rel=up"))
    assert exchange.field(b"link") == b"<http://a.example/x>; rel=up"
    assert exchange.field(b"set-cookie").startswith(b"lb=")


# The endpoint's connection.

async def test_it_is_kept_when_it_is_clean(sending):
    s = sending()
    await told(s, accel(b"/protected/a%20b.pdf"))
    assert (s.in_flight, s.endpoints[0].idle) == ([0, 0], [s.remote.connection])


CHUNKED = b"HTTP/1.1 200 OK\r\nX-Accel-Redirect: /protected/a%20b.pdf\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("pieces", [
    [b"0\r\n\r\n"], [b"3\r\nown\r\n", b"0\r\n\r\n"], [b"3\r\nown\r\n0\r\n", b"\r\n"]])
@pytest.mark.parametrize("together", [True, False])
async def test_a_body_in_chunks_is_read_to_its_end(sending, pieces, together):
    """gunicorn sends an empty one's end behind the head, by itself."""
    s = sending()
    exchange = await s.handle()
    s.remote.serve(*([CHUNKED + b"".join(pieces)] if together else [CHUNKED]))
    assert bytes(exchange.body) == PDF
    if not together:
        assert s.in_flight == [1, 0], "it still works on it"
        s.remote.serve(*pieces)
    assert (s.in_flight, len(s.endpoints[0].idle)) == ([0, 0], 1)
    again = await told(s, accel(b"/protected/a%20b.pdf"))
    assert (again.finished, len(s.remotes)) == (True, 1)


@pytest.mark.parametrize("end", [
    lambda remote: remote.serve(*[b"1\r\nx\r\n"] * (remainder.MOST_PIECES + 1)),
    lambda remote: remote.serve(b"20000\r\n" + bytes(remainder.MOST + 1)),
    lambda remote: remote.serve(b"nonsense\r\n"),
    lambda remote: remote.end(),
    lambda remote: remote.connection.expired()])
async def test_one_that_is_long_or_drips_or_breaks_off(sending, end):
    """Nobody notices; its endpoint is not blamed."""
    s = sending()
    exchange = await s.handle()
    s.remote.serve(CHUNKED)
    end(s.remote)
    assert (bytes(exchange.body), s.in_flight, s.remote.lost) == (PDF, [0, 0], True)
    assert (s.endpoints[0].errors, s.endpoints[0].idle) == (0, [])


async def test_a_length_that_is_the_files_is_not_waited_for(sending, private):
    """Flask says so and sends nothing."""
    s = sending()
    exchange = await s.handle()
    s.remote.serve(xsend(private / "a b.pdf").replace(b"Length: 0", b"Length: 14"))
    assert (bytes(exchange.body), s.in_flight, s.remote.lost) == (PDF, [0, 0], True)


async def test_an_answer_until_the_end_of_the_connection(sending):
    s = sending()
    exchange = await s.handle()
    s.remote.serve(b"HTTP/1.0 200 OK\r\nX-Accel-Redirect: /protected/a%20b.pdf\r\n\r\n")
    assert (bytes(exchange.body), s.in_flight, s.remote.lost) == (PDF, [0, 0], True)


async def test_an_endpoint_that_is_back_works(sending):
    s = sending()
    s.endpoints[0].failures = 2
    await told(s, CHUNKED + b"0\r\n\r\n")
    assert s.endpoints[0].failures == 0


# The client.

async def test_a_client_that_is_slow_or_leaves(sending, tmp_path):
    s = sending()
    exchange = await s.handle(window=1000)
    s.remote.serve(accel(b"/protected/big.bin"))
    assert not exchange.finished
    assert len(descriptors(tmp_path)) == 1
    exchange.leave()
    assert descriptors(tmp_path) == []
    other = await s.handle()
    s.remote.serve(HELLO)
    assert other.finished


async def test_where_links_lead_is_asked_for_where_the_disk_may_take_its_time(sending, monkeypatch):
    s = sending()
    s.handler.send_files._errands = disk = Later()
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path, **options: pytest.fail("on the loop"))
    exchange = await s.handle()
    s.remote.serve(xsend("/srv/elsewhere/a"))
    assert exchange.status == 0
    monkeypatch.setattr(os.path, "realpath", real)
    disk.end()
    assert exchange.refused == 404


class Later:
    """A disk that takes until the test says so."""

    def run(self, loop, work, then):
        self.end = lambda: then(work())


async def test_a_client_that_leaves_while_the_disk_is_slow(sending, tmp_path):
    s = sending()
    s.handler.send_files._errands = disk = Later()
    exchange = await s.handle()
    s.remote.serve(accel(b"/protected/big.bin"))
    assert (exchange.status, s.in_flight) == (0, [0, 0]), "the endpoint is free at once"
    exchange.leave()
    disk.end()
    assert exchange.late == ["send_file"]
    assert descriptors(tmp_path) == []
