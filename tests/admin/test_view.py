import time
from types import SimpleNamespace

import pytest

from proxy.admin import view as module
from proxy.admin.problems import Problem
from proxy.admin.view import View, judged, problems_of
from proxy.certificates import DAY, day
from proxy.observe.events import EventLog, event
from tests.admin.test_merge import endpoint, pool

STATUS = {"state": "running", "reload": None, "processes": [{"name": "worker 0", "state": "ready"}],
          "certificates": []}


class Asker:
    def __init__(self, **values):
        self.values = values

    async def ask(self, of, what, args=None, *, seconds=2.0):
        return SimpleNamespace(values=self.values.get(what, {}), errors={"worker 0": "no answer within 2 s"})


def told(log, kind, name="a:1"):
    log.number(event(kind, f"{kind}!", pool="web", endpoint=name), "worker 0")


async def test_endpoints_have_their_history_the_newest_first():
    log = EventLog()
    told(log, "ejected")
    told(log, "down", "b:1")
    view = View(Asker(pools={"worker 0": [pool(endpoint(), endpoint("b:1"))]}), log)
    view.take({**event("returned", "returned!", pool="web", endpoint="a:1"), "id": 3, "from": "worker 0"})
    first, second = (await view.pools())[0]["endpoints"]
    assert [one["kind"] for one in first["history"]] == ["returned", "ejected"]
    assert [one["id"] for one in second["history"]] == [2]
    assert view.events.last == 3


async def test_when_nobody_answers_that_is_a_problem_and_says_why():
    view = View(Asker(), EventLog())
    with pytest.raises(Problem, match=r"no worker answers \(worker 0: no answer within 2 s\)") as caught:
        await view.pools()
    assert caught.value.status == 503
    with pytest.raises(Problem, match="the supervisor does not answer"):
        await view.one("supervisor", "status")


async def test_who_reads_too_slowly_is_left(monkeypatch):
    monkeypatch.setattr(module, "MOST_BEHIND", 2)
    view = View(Asker(), EventLog())
    with view.reading() as queue:
        for number in range(1, 4):
            view.take({**event("up", "up"), "id": number, "from": "lookout"})
        assert [queue.get_nowait(), queue.get_nowait()][-1] is None
    assert not view._readers


@pytest.mark.parametrize("status, pools, found", [
    (STATUS, [], []),
    ({**STATUS, "state": "stopping"}, [], ["the proxy is stopping"]),
    ({**STATUS, "processes": [{"name": "lookout", "state": "missing"}]}, [], ["lookout is missing"]),
    ({**STATUS, "reload": {"problems": ["a.yaml:1:1: no"]}}, [],
     ["the last reload was refused: a.yaml:1:1: no"]),
    (STATUS, [{**pool(endpoint(state="draining"), endpoint("b:1")), "available": 1}], []),
    (STATUS, [{**pool(endpoint(state="disabled")), "available": 0}],
     ["pool web: a:1 is disabled, and no other works"]),
    (STATUS, [{**pool(endpoint(state="ejected"), paused=True), "available": 0}],
     ["pool web is paused", "pool web: a:1 is ejected: ejected"]),
])
def test_what_is_not_as_it_should_be(status, pools, found):
    assert list(problems_of(status, pools)) == found


def shown(begins, expires, *names, listener="a:443"):
    """A certificate as the supervisor tells of it, at time 0; in days."""
    return {"listener": listener, "names": list(names), "begins": begins * DAY, "expires": expires * DAY}


@pytest.mark.parametrize("certificates, found", [
    ([shown(-60, 30, "a.example")], []),
    ([shown(-87, 3, "a.example", "b.example")],
     ["the certificate for a.example expires on 1970-01-04, in 3.0 days"]),
    ([shown(-4, 2, "a.example")], []),  # of those that live for six days, say
    ([shown(-5, 1, "a.example")], ["the certificate for a.example expires on 1970-01-02, in 1.0 days"]),
    ([shown(-91, -1, "a.example")], ["the certificate for a.example has expired on 1969-12-31"]),
    ([shown(1, 91, "a.example")], ["the certificate for a.example is not valid before 1970-01-02"]),
    ([shown(-91, -1)], ["the certificate for a:443 has expired on 1969-12-31"]),
    ([shown(-91, -1, "a.example", listener=listener) for listener in ("a:443", "[::1]:443")],
     ["the certificate for a.example has expired on 1969-12-31"]),
    ([shown(-60, 30, "a.example"), shown(-91, -1, "b.example")],
     ["the certificate for b.example has expired on 1969-12-31"]),
])
def test_certificates_that_browsers_refuse_or_soon_will(certificates, found):
    assert list(problems_of(judged({**STATUS, "certificates": certificates}, 0.0), [])) == found


async def test_the_status_says_what_is_the_matter_with_a_certificate():
    now = time.time() / DAY
    told = [shown(now - 10, now + 80, "a.example"), shown(now - 91, now - 1, "b.example")]
    asker = Asker(status={"supervisor": {**STATUS, "started": 1.0, "certificates": told}})
    status = await View(asker, EventLog()).status([])
    assert [one["trouble"] for one in status["certificates"]] == [
        "", f"has expired on {day(told[1]['expires'])}"]
    assert not status["well"]
    assert status["problems"] == [f"the certificate for b.example has expired on {day(told[1]['expires'])}"]
    assert "trouble" not in told[0]
