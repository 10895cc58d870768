"""Server-sent events: of what happened, and of how things stand while somebody looks."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import TestClient, TestServer

from proxy.admin import streams
from proxy.admin import view as view_module
from proxy.admin.site import make_app
from proxy.admin.view import View
from proxy.config.admin_schema import AdminConfig
from proxy.observe.events import EventLog, event
from tests.admin.test_merge import endpoint, pool
from tests.faults.load import reached

HEADERS = {"Host": "localhost", "Accept": "text/event-stream"}
STATUS = {"state": "running", "started": 0.0, "reload": None, "processes": [], "certificates": []}


class Asker:
    """A worker and a supervisor; counts how often the worker is asked."""

    def __init__(self):
        self.asked = 0
        self.here = True

    async def ask(self, of, what, args=None, *, seconds=2.0):
        self.asked += of == "workers"
        values = {"worker 0": [pool(endpoint())]} if of == "workers" else {"supervisor": STATUS}
        return SimpleNamespace(values=values if self.here else {}, errors={})


class Reader:
    """One client of a stream."""

    def __init__(self, answer):
        self.answer = answer

    async def frame(self):
        """(event, data, id) of the next."""
        fields = {}
        async with asyncio.timeout(5):
            while "data" not in fields:
                line = (await self.answer.content.readline()).decode()
                assert line, "the stream has ended"
                name, _, value = line.strip().partition(": ")
                fields[name] = value
        return fields["event"], json.loads(fields["data"]), fields.get("id")

    async def until(self, name):
        while (found := await self.frame())[0] != name:
            pass
        return found[1]


@pytest.fixture
async def site(monkeypatch):
    monkeypatch.setattr(streams, "EVERY", 0.02)
    asker, log = Asker(), EventLog()
    view = View(asker, log)
    client = TestClient(TestServer(make_app(AdminConfig(), view)))
    await client.start_server()

    def happen(kind="up", name="a:1"):
        record = event(kind, f"{kind}!", pool="web", endpoint=name)
        view.take({"id": log.last + 1, **record, "from": "lookout"})

    yield SimpleNamespace(client=client, asker=asker, view=view, happen=happen)
    await client.close()


async def read(site, path, **headers):
    return Reader(await site.client.get(path, headers={**HEADERS, **headers}))


async def test_events_come_as_json_or_as_a_stream_that_goes_on(site):
    site.happen("down")
    answer = await site.client.get("/api/events", headers={"Host": "localhost"})
    told = await answer.json()
    assert (told["last"], [one["kind"] for one in told["events"]]) == (1, ["down"])
    reader = await read(site, "/api/events")
    assert await reader.frame() == ("event", told["events"][0], "1")
    site.happen("up")
    assert (await reader.frame())[1]["kind"] == "up"


async def test_only_what_is_asked_for(site):
    for kind in ("down", "up", "down", "up"):
        site.happen(kind)
    site.happen("up", "b:1")
    answer = await site.client.get("/api/events?kind=up&endpoint=a:1&after=2&limit=5", headers=HEADERS | {
        "Accept": "*/*"})
    assert [one["id"] for one in (await answer.json())["events"]] == [4]
    reader = await read(site, "/api/events?endpoint=b:1")
    assert (await reader.frame())[2] == "5"
    site.happen("down")
    site.happen("down", "b:1")
    assert (await reader.frame())[2] == "7"


@pytest.mark.parametrize("seen, first", [("2", 3), ("0", 1), ("99", 1), ("nonsense", 1), ("9" * 30, 1)])
async def test_who_comes_again_gets_what_he_missed(site, seen, first):
    for _ in range(3):
        site.happen()
    reader = await read(site, "/api/events", **{"Last-Event-ID": seen})
    assert (await reader.frame())[2] == str(first)


async def test_everything_in_one_stream(site):
    site.happen("down")
    reader = await read(site, "/api/stream?after=0")
    assert (await reader.until("event"))["kind"] == "down"
    status = await reader.until("status")
    assert (status["well"], status["problems"]) == (True, [])
    assert (await reader.until("pools"))[0]["endpoints"][0]["history"][0]["kind"] == "down"
    site.happen("up")
    assert (await reader.until("event"))["kind"] == "up"


async def test_workers_are_asked_once_for_all_and_not_at_all_while_nobody_looks(site):
    readers = [await read(site, "/api/stream") for _ in range(3)]
    for _ in range(3):
        for reader in readers:
            await reader.until("pools")
    assert site.asker.asked < 8
    for reader in readers:
        reader.answer.close()
    pulse = next(value for key, value in site.client.app.items() if key is streams.PULSE)
    await reached(lambda: site.happen() or not pulse._queues)
    assert pulse._beating is None


async def test_when_nobody_answers_that_is_told(site):
    site.asker.here = False
    reader = await read(site, "/api/stream")
    assert "does not answer" in (await reader.until("problem"))["detail"]
    site.asker.here = True
    assert (await reader.until("status"))["well"]


async def test_a_silent_stream_shows_that_it_lives(site, monkeypatch):
    monkeypatch.setattr(streams, "SILENCE", 0.01)
    reader = await read(site, "/api/events")
    lines = [await reader.answer.content.readline() for _ in range(4)]
    assert lines[2] == b": still here\n"


async def test_a_reader_that_has_gone_is_no_error(site, caplog):
    reader = await read(site, "/api/events")
    reader.answer.close()
    await reached(lambda: site.happen() or not site.view._readers)
    assert not caplog.records


async def test_histories_are_kept_of_those_that_changed_last(site, monkeypatch):
    monkeypatch.setattr(view_module, "MOST_PLACES", 3)
    for name in ("a:1", "b:1", "c:1", "a:1", "d:1"):
        site.happen("up", name)
    assert [name for _, name in site.view._histories] == ["c:1", "a:1", "d:1"]
