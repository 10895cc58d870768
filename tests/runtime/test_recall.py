"""What is told of real exchanges; those are made by TestProxy."""

import json

from proxy.config.load import loads
from proxy.runtime.recall import redaction_for, ring_of
from proxy.testing import TestProxy, faults

CONFIG = """\
listen: 127.0.0.1:0
pools: {web: {endpoints: [10.0.0.1:1, 10.0.0.2:1], ejection: false}}
routes:
  - {name: beta, match: {header: {X-Token: yes}, query: {token: "1"}}, respond: {}}
  - {name: site, reverse_proxy: web}
"""


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def test_a_story_of_failure():
    async with TestProxy(CONFIG, endpoints={"web": app}) as proxy:
        proxy.endpoint("web", 0).fault = faults.status(503)
        answers = [await proxy.get("/?token=sesame", headers={"Cookie": "c=sesame"}) for _ in range(2)]
        retried = next(answer for answer in answers if answer.exchange.trail)
        told = await proxy.explain(retried)
        assert [(one["endpoint"], one["outcome"]) for one in told["attempts"]] == [
            ("10.0.0.1:1", "HTTP 503"), ("10.0.0.2:1", "HTTP 200")]
        assert [route["matched"] for route in told["routes"]] == [False, True]
        assert told["handler"]["kind"] == "reverse_proxy"
        assert told["phases"].keys() == {"queued", "head", "body", "total"}
        assert told["pool"]["chosen"] == "10.0.0.2:1"
        assert "sesame" not in json.dumps(told)


async def test_lists_for_the_dashboard():
    async with TestProxy(CONFIG, endpoints={"web": app}) as proxy:
        for which in (0, 1):
            proxy.endpoint("web", which).fault = faults.reset(times=1)
        await proxy.get("/bad")
        await proxy.get("/good?token=1", headers={"X-Token": "yes"})
        told = proxy._plane.answers["requests"]({})
        assert [one["target"] for one in told["last"]] == ["/good?token=***", "/bad"]
        assert [(one["target"], one["status"]) for one in told["remarkable"]] == [("/bad", 502)]
        assert proxy._plane.answers["explain"]({"id": "nobody's"}) is None


async def test_what_a_route_wants_may_be_a_secret_too():
    text = CONFIG.replace('X-Token: yes}, query: {token: "1"}', (
        "X-Key-Token: hunter2, Cookie: true, X-A: shown}, query: {token: hunter2, secret: false}"))
    async with TestProxy(text, endpoints={"web": app}) as proxy:
        told = await proxy.explain(await proxy.get("/?token=hunter2", headers={"X-Key-Token": "hunter2"}))
        wanted = {one["part"]: one["wanted"] for one in told["routes"][0]["conditions"]}
        assert wanted == {"header X-Key-Token": "***", "header Cookie": "any value", "header X-A": "shown",
                          "query token": "***", "query secret": "none"}
        assert "hunter2" not in json.dumps(told)


async def test_what_routes_were_then_is_said():
    async with TestProxy(CONFIG, endpoints={"web": app}) as proxy:
        answer = await proxy.get("/")
        other = loads(CONFIG.replace("{name: site,", "{name: shop,"))
        await proxy._plane.prepare(other)
        proxy._plane.commit((), ())
        told = await proxy.explain(answer)
        assert told["route"] == "site"
        assert told["request"]["notes"] == ["the routes are others than when it came: site answered it"]
        assert "handler" not in told


def test_the_ring_as_configured():
    config = loads(CONFIG + "recent: {requests: 7, slow: 2s}\n")
    ring = ring_of(config, None)
    assert (ring._last.maxlen, ring._remarkable.maxlen, ring._slow) == (7, 256, 2.0)
    assert ring_of(loads(CONFIG), ring) is ring
    assert ring._last.maxlen == 256
    assert ring_of(loads(CONFIG + "recent: false\n"), ring) is None


def test_what_the_log_hides_is_hidden_here_and_more():
    redaction = redaction_for(loads(CONFIG + "access_log: {redact: {query: [pin], headers: []}}\n"))
    assert redaction.target(b"/?pin=1&token=2") == b"/?pin=***&token=***"
    assert redaction.field(b"cookie", b"a=b") == b"***"
