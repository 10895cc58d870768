import json
import socket

import pytest

from proxy.config.load import loads
from proxy.explain.account import account
from proxy.explain.question import Question
from proxy.explain.rehearsal import Stage
from proxy.explain.stand_in import Sample
from proxy.explain.words import in_words


def names(rows):
    return {row[0] for row in rows}


async def test_nothing_is_bound_and_nobody_is_connected_to(ask, monkeypatch):
    def forbidden(*_):
        raise AssertionError("there is traffic")

    for name in ("bind", "listen", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, forbidden)
    assert (await ask("GET", "/"))["pool"]["chosen"] == "192.0.2.1:8001"


async def test_each_route_says_why_it_is_not_the_one(ask):
    told = await ask("GET", "/ping", (("X-Beta", "no"),))
    assert [(route["name"], route["matched"]) for route in told["routes"][:4]] == [
        ("files", False), ("route 2", False), ("route 3", False), ("small", False)]
    path, header = told["routes"][2]["conditions"]
    assert path == {"part": "path", "wanted": "/ping", "seen": "/ping", "holds": True}
    assert header == {"part": "header X-Beta", "wanted": "yes", "seen": "no", "holds": False}
    assert told["answer"]["status"] == 404
    assert told["answer"]["why"] == "no route matches"


async def test_who_is_asked_and_why_the_others_are_not(ask):
    pool = (await ask("GET", "/"))["pool"]
    first, backup = pool["endpoints"]
    assert (first["name"], first["state"], first["score"]) == ("192.0.2.1:8001", "up", 1.0)
    assert (backup["score"], backup["priority"]) == (None, 1)
    assert "asked while none of a lower number" in backup["reason"]
    assert pool["choice"] == "192.0.2.1:8001 is chosen: no other may be picked"


async def test_what_the_application_gets(ask):
    fields = (("X-Forwarded-For", "1.2.3.4"), ("X_Secret", "1"), ("Connection", "x-mine"), ("X-Mine", "2"),
              ("Accept", "*/*"))
    told = (await ask("GET", "http://a.example/page", fields, "203.0.113.9"))["to_endpoint"]
    assert told["kept"] == [["Host", "a.example"], ["Accept", "*/*"]]
    assert told["changed"] == [["X-Forwarded-For", "1.2.3.4", "203.0.113.9"]]
    assert {"X-Real-IP", "X-Request-ID", "Via", "X-Forwarded-Port"} <= names(told["added"])
    assert {name: why.split(" (")[0] for name, _, why in told["removed"]} == {
        "X_Secret": "has a _ in its name: applications could take it for another field",
        "Connection": "is for this hop alone", "X-Mine": "is named by Connection"}


async def test_a_trusted_proxy_is_believed(ask):
    fields = (("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"))
    told = await ask("GET", "/", fields, "10.0.0.1")
    assert (told["request"]["client"], told["request"]["trusted"]) == ("203.0.113.9", True)
    assert ["X-Forwarded-Proto", "https"] in told["to_endpoint"]["kept"]


async def test_what_the_client_gets_of_an_answer(ask):
    sample = Sample(302, (("Server", "x"), ("Location", "http://{endpoint}/next")), 0)
    told = (await ask("GET", "http://a.example/", sample=sample))["to_client"]
    assert told["changed"] == [["Location", "http://192.0.2.1:8001/next", "http://a.example/next"]]
    assert told["removed"] == [["Server", "x", "tells of the inside, which clients do not see"]]


async def test_a_body_that_is_streamed_and_a_prefix_that_goes(ask):
    told = await ask("POST", "/api/v1/x?y", body=b"12345")
    assert told["handler"]["strip_prefix"] == "/api"
    assert told["to_endpoint"]["line"] == "POST /v1/x?y HTTP/1.1"
    assert told["to_endpoint"]["octets"] == 5
    assert ["X-Forwarded-Prefix", "/api"] in told["to_endpoint"]["added"]
    assert "passed on as they come (buffer_request: false)" in in_words(told)


async def test_an_event_stream_is_one(ask):
    told = await ask("GET", "/", sample=Sample(fields=(("Content-Type", "text/event-stream"),)))
    assert told["to_client"]["streams"]
    assert "streamed: it is an event stream" in in_words(told)


@pytest.mark.parametrize("fields, wanted", [
    ((("Accept-Encoding", "gzip"),), "gzip"),
    ((), "none: the client takes no coding on offer"),
    ((("Accept-Encoding", "gzip"), ("Cache-Control", "no-transform")),
     "none: Cache-Control: no-transform forbids it (RFC 9111 section 5.2)"),
])
async def test_compression_and_why_not(ask, fields, wanted):
    assert (await ask("GET", "/", fields))["compression"] == wanted


async def test_compression_that_the_route_does_not_have(ask):
    assert (await ask("GET", "/mine"))["compression"].startswith("none: the route has no compress")


async def test_an_upgrade_becomes_a_tunnel(ask):
    told = await ask("GET", "/", (("Connection", "Upgrade"), ("Upgrade", "websocket")))
    assert told["answer"]["status"] == 101
    assert ["Upgrade", "websocket"] in told["to_endpoint"]["kept"]


async def test_the_cookie_brings_a_client_home(ask):
    first = await ask("GET", "/mine")
    (cookie,) = [value for name, value in first["to_client"]["added"] if name == "Set-Cookie"]
    told = await ask("GET", "/mine", (("Cookie", cookie.partition(";")[0]),))
    assert told["pool"]["choice"] == f"{first['pool']['chosen']} is chosen: the client's cookie names it"


async def test_a_file_and_its_variant(ask, tmp_path):
    told = await ask("GET", "/static/a.css", (("Accept-Encoding", "gzip"),))
    assert told["handler"]["file"] == str(tmp_path / "a.css")
    assert told["compression"] == "gzip, from the file beside it"
    fields = dict(told["answer"]["fields"])
    assert fields["Cache-Control"] == "max-age=3600"
    assert fields["Content-Encoding"] == "gzip"


async def test_a_file_that_is_not_there(ask):
    told = await ask("GET", "/static/b.css")
    assert (told["answer"]["status"], told["answer"]["why"]) == (404, "no file of that name is served")


async def test_a_redirect_and_a_fixed_answer(ask):
    assert (await ask("GET", "/old/a?b"))["handler"] == {"kind": "redirect", "status": 301, "to": "/new/a"}
    assert (await ask("GET", "/ping", (("X-Beta", "yes"),)))["handler"] == {
        "kind": "respond", "status": 200, "octets": 4}


async def test_a_body_that_is_too_long(ask):
    told = await ask("POST", "/small", body=b"x" * 11)
    assert told["answer"]["status"] == 413
    assert told["answer"]["why"] == "a body of 11 octets, and the route takes 10 (limits.request_body)"
    assert "pool" not in told


@pytest.mark.parametrize("raw, status, rule", [
    (b"GET / HTTP/1.1\r\n\r\n", 400, "RFC 9112 section 3.2"),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "RFC 9110 section 15.6.6"),
    (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 3986 section 2.1"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     "RFC 9112 section 6.1"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "RFC 9112 section 6.3"),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "RFC 9112 section 5"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431, "limits.headers"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n", 400, "RFC 9112 section 8"),
    (b"nonsense\r\n\r\n", 400, "RFC 9112 section 3"),
])
async def test_how_an_invalid_request_is_refused(ask, raw, status, rule):
    told = await ask(raw=raw)
    assert (told["refused"]["status"], told["refused"]["rule"]) == (status, rule)
    assert f"({rule})" in in_words(told)


async def test_readings_that_lead_elsewhere(ask):
    told = await ask("GET", "/page/..%2fmine")
    assert told["answer"]["status"] == 400
    assert told["answer"]["why"] == "readings of the path lead to different routes (RFC 3986 section 6.2.2)"
    assert [route["name"] for route in told["routes"] if route["matched"]] == ["mine"]
    assert {reading["route"] for reading in told["readings"]} == {None}


async def test_it_is_json_and_it_is_text(ask):
    told = await ask("GET", "/page", (("Cookie", "\udce9"),))
    assert json.loads(json.dumps(told)) == told
    plain, painted = in_words(told), in_words(told, colour=True)
    assert "\033[" not in plain
    assert "\033[32m" in painted
    plain.encode()


async def test_one_stage_answers_many_questions(ask, stage):
    assert [(await ask("GET", "/"))["answer"]["status"] for _ in range(20)] == [200] * 20
    assert not any(endpoint.in_flight or endpoint.idle
                   for pool in stage.runtime.pools.values() for endpoint in pool.endpoints)


async def test_a_body_that_is_announced_is_made(ask):
    told = await ask("POST", "/page", (("Content-Length", "1000"),))
    assert told["to_endpoint"]["octets"] == 1000
    told = await ask("POST", "/api/x", (("Transfer-Encoding", "chunked"),), body=b"12345")
    assert ["Transfer-Encoding", "chunked"] in told["to_endpoint"]["kept"] + told["to_endpoint"]["added"]


async def test_no_answer_is_told_too(ask, monkeypatch):
    monkeypatch.setattr("proxy.explain.rehearsal.LONGEST", 0.05)
    told = await ask("POST", "/page", (("Content-Length", str(65 << 20)),))  # more than is made
    assert told["answer"]["why"].startswith("no answer within 0.05 s")
    assert "no answer within" in in_words(told)


async def test_who_waits_for_an_endpoint_tries_one_that_is_down():
    config = loads("listen: 127.0.0.1:0\npools: {web: {endpoints: [192.0.2.1:1], queue: {}}}\n"
                   "routes: [{reverse_proxy: web}]\n")
    stage = Stage(config, ["192.0.2.1:1"])
    told = account(stage, await stage.rehearse(Question()))
    await stage.close()
    assert told["answer"]["status"] == 200
    assert told["pool"]["endpoints"][0]["state"] == "down"
    assert "no endpoint is available" in told["pool"]["choice"]


async def test_many_endpoints_and_many_routes_are_cut_short():
    endpoints = ", ".join(f"192.0.2.{place}:1" for place in range(1, 100))
    routes = "".join(f"  - match: {{path: /{place}}}\n    respond: {{}}\n" for place in range(100))
    pool = f"{{strategy: ip_hash, endpoints: [{endpoints}]}}"
    stage = Stage(loads(f"listen: 127.0.0.1:0\npools: {{web: {pool}}}\n"
                        f"routes:\n{routes}  - reverse_proxy: web\n"))
    told = account(stage, await stage.rehearse(Question()))
    await stage.close()
    text = in_words(told)
    assert "  60 did not match\n" in text
    assert "  75 more\n" in text
    assert len(told["pool"]["endpoints"]) == 99
