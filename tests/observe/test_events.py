import json

from proxy.observe.events import KINDS, MOST, EventLog, event


def test_a_record_gets_a_number_and_its_source():
    log = EventLog()
    record = event("ejected", "ejected for 10 s", pool="web", endpoint="a:1", seconds=10.0)
    told = json.loads(log.number(record, "worker 0"))
    assert told == {"id": 1, "from": "worker 0", "time": record["time"], "kind": "ejected", "pool": "web",
                    "endpoint": "a:1", "text": "ejected for 10 s", "figures": {"seconds": 10.0}}
    assert told["time"] > 1_700_000_000
    assert log.last == len(log) == 1


def test_the_last_ones_are_kept():
    log = EventLog()
    for _ in range(MOST + 5):
        log.number(event("up", "up"), "lookout")
    assert [record["id"] for record in log] == list(range(6, MOST + 6))


def test_another_log_goes_on_from_there():
    first, second = EventLog(), EventLog()
    second.keep(json.loads(first.number(event("up", "up"), "lookout")))
    assert json.loads(second.number(event("down", "down"), "lookout"))["id"] == 2


def test_every_kind_is_explained():
    assert all(KINDS.values())
