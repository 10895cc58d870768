import ast
import json
from pathlib import Path

from proxy.observe.events import KINDS, MOST, EventLog, event

PACKAGE = Path(__file__).parents[2] / "proxy"


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


def kinds_in(path):
    """Of the events that a file makes, those that are written out; `changed` makes events of endpoints."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("event", "changed"):
            yield next((word.value for word in node.args if isinstance(word, ast.Constant)), None)


def test_every_kind_is_explained():
    made = {kind for path in PACKAGE.rglob("*.py") for kind in kinds_in(path) if kind}
    assert {"ejected", "unreachable", "reloaded", "lost"} <= made
    assert made <= KINDS.keys()
