"""What has changed, with the evidence: one record for each change of state, for people and programs.

The rule of this room: who makes an event does not wait for anybody, and logs the same in the same
words. Workers and the lookout make events, the supervisor numbers them and keeps the last ones, so
that a desk that takes another's place knows them too.

A record, as JSON:

    {"id": 12, "time": 1790000000.123, "from": "worker 0", "kind": "ejected", "pool": "web",
     "endpoint": "127.0.0.1:8001", "text": "ejected for 10 s: 3 failures in a row, last: HTTP 502",
     "figures": {"seconds": 10.0}}

`pool` and `endpoint` are null where it is about none.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

EVENT: Final = "event"
MOST: Final = 1000  # kept

# Every kind there is, and what it says.
KINDS: Final = {
    "unreachable": "connects to an endpoint fail; it rests",
    "reachable": "connects succeed again",
    "ejected": "real traffic failed; the endpoint is left out for a while",
    "returned": "an ejection is over",
    "down": "active checks call an endpoint down",
    "up": "active checks call it up again",
    "order": "the operator drains, disables or enables an endpoint",
    "weight": "the operator gives an endpoint another weight",
    "added": "the operator adds an endpoint",
    "removed": "the operator removes one",
    "paused": "a pool's requests are held",
    "resumed": "they go on",
    "ready": "a process begins to work",
    "lost": "a process died; another takes its place",
    "draining": "a worker was asked to end; another takes its place",
    "stopping": "the proxy was asked to stop",
    "reloaded": "another configuration is in force",
    "not_reloaded": "it has mistakes; what ran before goes on",
    "upgraded": "another program has taken over",
    "not_upgraded": "it could not; this one goes on",
    "level": "the operator changes what is logged",
}

Record = dict[str, Any]
Report = Callable[[Record], None]


def event(kind: str, text: str, *, pool: str | None = None, endpoint: str | None = None,
          **figures: float) -> Record:
    """A record that has no number yet."""
    return {"time": round(time.time(), 3), "kind": kind, "pool": pool, "endpoint": endpoint, "text": text,
            "figures": figures}


def unreported(record: Record) -> None:
    """Where nobody wants to know."""


class EventLog:
    """The last events, the newest last.

    Attributes:
        last: the number of the newest; 0 before the first.
    """

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=MOST)
        self.last = 0

    def number(self, record: Record, source: str) -> str:
        """Give a new record its number and keep it; returns it as JSON."""
        return self.keep({"id": self.last + 1, **record, "from": source})

    def keep(self, record: Record) -> str:
        """Keep one that has a number."""
        self.last = record["id"]
        self._records.append(record)
        return json.dumps(record)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)
