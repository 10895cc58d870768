import json
import re
import time
from types import SimpleNamespace

import pytest

from proxy.observe.log_lines import LONGEST, Json, escape
from proxy.observe.redact import Redaction
from tests.observe.made import entry, lines_of

STAMP = rb"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"


# The two forms.

def test_combined(opened):
    log = opened()
    log.ended(entry(fields=[(b"Referer", b"http://r/"), (b"User-Agent", b"curl")]))
    log.ended(entry(version=10))
    first, second = lines_of(log)
    assert re.fullmatch(
        rb'192\.0\.2\.7 - - ' + STAMP + rb' "GET /a\?b HTTP/1\.1" 200 5 "http://r/" "curl"', first)
    assert second.endswith(b' "GET /a?b HTTP/1.0" 200 5 "-" "-"')


def test_the_stamp_is_made_once_a_second(opened, monkeypatch):
    log = opened()
    stamps = []
    for now in (101.0, 101.9, 102.0):
        monkeypatch.setattr("proxy.observe.access_log.time", lambda now=now: now)
        log.ended(entry(now=now))
        log.flush()
        stamps.append(log._form._stamp)
    assert stamps[0] is stamps[1]
    assert [stamp[19:21] for stamp in stamps] == [b"41", b"41", b"42"]


@pytest.mark.parametrize("form, start", [
    ("combined", b"192.0.2.7 - - [01/Jan/1970:"), ("json", b'{"time": "1970-01-01T00:')])
def test_the_stamp_is_of_the_exchange_not_of_the_writing(opened, monkeypatch, form, start):
    log = opened(form)
    monkeypatch.setattr("proxy.observe.access_log.time", lambda: 101.0)
    log.ended(entry(now=101.0))
    monkeypatch.setattr("proxy.observe.access_log.time", lambda: 1e9)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    assert lines_of(log)[0].startswith(start)


def test_each_line_tells_the_time_that_was_then(opened, monkeypatch):
    """The clock is set on by an hour between the two; the first has not been written yet."""
    log = opened("json")
    for ahead, marks in ((0.0, {}), (3600.0, {}), (0.0, {"why": "sampled"})):
        monkeypatch.setattr("proxy.observe.access_log.time", lambda ahead=ahead: 101.0 + ahead)
        one = entry(now=101.0)
        log.marked(one, marks) if marks else log.ended(one)
    assert [json.loads(line)["time"][11:19] for line in lines_of(log)] == ["00:01:40", "01:01:40", "00:01:40"]


def test_json(opened):
    log = opened("json")
    log.ended(entry(
        fields=[(b"Referer", b"http://r/"), (b"User-Agent", b"c\xe4rl"), (b"Content-Length", b"7")],
        route="r", pool="p", endpoint="e", attempts=2, timings=[100.010, 100.250], now=100.5))
    line, = lines_of(log)
    record = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("time"))
    assert record == {
        "client": "192.0.2.7", "method": "GET", "host": "a.example", "target": "/a?b", "version": "1.1",
        "status": 200, "bytes": 5, "request_bytes": 7, "request_id": "request-1", "route": "r", "pool": "p",
        "endpoint": "e", "attempts": 2, "referer": "http://r/", "user_agent": "c\u00e4rl",
        "total_ms": 500.0, "queued_ms": 10.0, "head_ms": 250.0}


def test_json_names_the_attempts_that_failed(opened):
    log = opened("json")
    trail = [("127.0.0.1:8001", "connect: refused", 100.001), ("127.0.0.1:8002", "HTTP 503", 100.25)]
    for each in (trail, [], None):
        log.ended(entry(trail=each, attempts=3))
    first, *others = [json.loads(line) for line in lines_of(log)]
    assert first["failed_attempts"] == [
        {"endpoint": "127.0.0.1:8001", "why": "connect: refused", "after_ms": 1.0},
        {"endpoint": "127.0.0.1:8002", "why": "HTTP 503", "after_ms": 250.0}]
    assert not any("failed_attempts" in record for record in others)


def test_what_an_endpoint_sent_breaks_no_line(opened):
    """The reason of a failed attempt may quote it."""
    log = opened("json")
    log.ended(entry(trail=[("a:1", "head: not HTTP: 'x\n\x1b[31m\u20ac\ud800'", 100.5)]))
    line, = lines_of(log)
    assert line.isascii()
    assert b"\x1b" not in line
    assert "not HTTP" in json.loads(line)["failed_attempts"][0]["why"]


@pytest.mark.parametrize("timings, there", [(None, set()), ([], set()), ([100.01], {"queued_ms"})])
def test_json_without_what_never_happened(opened, timings, there):
    log = opened("json")
    log.ended(entry(timings=timings, version=10))
    record = json.loads(lines_of(log)[0])
    assert {"queued_ms", "head_ms"} & set(record) == there
    assert (record["version"], record["request_bytes"]) == ("1.0", 0)


def test_what_was_no_request(opened):
    combined, as_json = opened(), opened("json", path=opened()._out.path + ".json")
    for log in (combined, as_json):
        log.refused("192.0.2.7", 400, b'G"T\x16 /' + b"x" * 500 + b"\r\nsecret: 1")
    line, = lines_of(combined)
    assert re.fullmatch(rb'192\.0\.2\.7 - - ' + STAMP + rb' "G\\x22T\\x16 /x{94}" 400 0 "-" "-"', line)
    record = json.loads(lines_of(as_json)[0])
    assert (record["client"], record["status"], record["refused"][:6]) == ("192.0.2.7", 400, 'G"T\x16 /')
    assert len(record["refused"]) == 100


# Nothing that a client sends breaks, forges or drives.

@pytest.mark.parametrize("value, written", [
    (b"plain ~!", b"plain ~!"), (b'a"b', b"a\\x22b"), (b"a\\b", b"a\\x5cb"),
    (b"\r\n\t\0", b"\\x0d\\x0a\\x09\\x00"),
    (b"\x1b[2J\x7f\x80\xff", b"\\x1b[2J\\x7f\\x80\\xff"), (b"", b""),
    (b"a" * LONGEST, b"a" * LONGEST), (b"a" * (LONGEST + 1), b"a" * LONGEST + b"...")])
def test_escape(value, written):
    assert escape(value) == written


@pytest.mark.parametrize("form", ["combined", "json"])
def test_every_octet_stays_in_its_line(opened, form):
    """CVE-2020-7694."""
    log = opened(form)
    everything = bytes(range(256))
    fields = {b"referer": everything, b"user-agent": everything}
    headers = SimpleNamespace(get=fields.get, length=None)
    log.ended(entry(headers=headers, method=b"M" * 99))
    line, = lines_of(log)
    assert re.fullmatch(rb"[\x20-\x7e]+", line)
    if form == "json":
        assert json.loads(line)["referer"].encode("latin-1") == everything
    else:
        assert line.count(b'"') == 6


# Secrets, and fields that were asked for.

SECRET = b"/a?user=1&access_token=hunter2"


@pytest.mark.parametrize("form", ["combined", "json"])
def test_secrets_stay_out(opened, form):
    log = opened(form)
    log.ended(entry(SECRET, [(b"Referer", b"https://a.example" + SECRET)]))
    log.refused("192.0.2.7", 400, b"GET " + SECRET + b" HTTP/9\r\n")
    log.ended(entry(b"/" + b"x" * 300 + SECRET))
    lines = lines_of(log)
    assert b"hunter2" not in b"".join(lines)
    assert [line.count(b"access_token=***") for line in lines] == [2, 1, 1]


def test_json_has_the_fields_that_are_asked_for(opened):
    form = Json(Redaction(), ["X-Tenant", "Cookie", "Referer", "X-None"])
    fields = [(b"X-Tenant", b"blue\xe4"), (b"Cookie", b"session=hunter2"), (b"Referer", b"http://a" + SECRET)]
    record = json.loads(form.line(entry(fields=fields)))
    assert record["headers"] == {
        "x-tenant": "blue\u00e4", "cookie": "***", "referer": "http://a/a?user=1&access_token=***"}
    assert "headers" not in json.loads(Json(Redaction()).line(entry(fields=fields)))


def test_marks_are_words_of_their_own(opened):
    log = opened("json")
    log.marked(entry(), {"slow": True})
    log.ended(entry())
    slow, plain = map(json.loads, lines_of(log))
    assert slow["slow"] is True
    assert "slow" not in plain
