"""What is told about endpoints; `text` is JSON once more. From the lookout to the workers:

    health     {"pool": "web", "endpoint": "127.0.0.1:8001", "up": false, "why": "HTTP 500 in 12 ms"}
    addresses  {"pool": "web", "endpoint": "app.internal:8000", "addresses": ["10.0.0.1:8000"],
                "shares": {"10.0.0.1:8000": [1, 50]}}: of those that SRV records do not leave as they are
               (rank, percent of the configured weight)

from the operator to the workers:

    order      {"pool": "web", "endpoint": "127.0.0.1:8001", "order": "ready" | "drain" | "disabled"}
    weight     {"pool": "web", "endpoint": "127.0.0.1:8001", "weight": 3}
    pause      {"pool": "web", "endpoint": "", "paused": true}
    endpoint   {"pool": "web", "endpoint": "127.0.0.1:8009", "there": true, "weight": 1, "backup": false,
               "max_connections": null, "unchecked": true}: one that the configuration does not have; or one
               that was taken away, with "there": false alone. The lookout is told, too

and from a worker to the lookout:

    hurry      {"pool": "web", "endpoint": "app.internal:8000"}: it cannot be reached, it may have moved

The rule of this room: of each endpoint only the last is of interest. The supervisor keeps it, so that
a worker that starts knows all before it serves, and so does a lookout that takes another's place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.config.schema import Config

HEALTH = "health"
ADDRESSES = "addresses"
ORDER = "order"
WEIGHT = "weight"
PAUSE = "pause"
ENDPOINT = "endpoint"
HURRY = "hurry"
FOR_WORKERS = frozenset((HEALTH, ADDRESSES, ORDER, WEIGHT, PAUSE, ENDPOINT))


def health(pool: str, endpoint: str, *, up: bool, why: str) -> str:
    return json.dumps({"pool": pool, "endpoint": endpoint, "up": up, "why": why})


def addresses(pool: str, endpoint: str, found: list[str], shares: Mapping[str, tuple[int, int]]) -> str:
    return json.dumps({"pool": pool, "endpoint": endpoint, "addresses": found, "shares": shares})


def order(pool: str, endpoint: str, wanted: str) -> str:
    return json.dumps({"pool": pool, "endpoint": endpoint, "order": wanted})


def weight(pool: str, endpoint: str, wanted: int) -> str:
    return json.dumps({"pool": pool, "endpoint": endpoint, "weight": wanted})


def pause(pool: str, *, paused: bool) -> str:
    return json.dumps({"pool": pool, "endpoint": "", "paused": paused})


def endpoint(pool: str, address: str, **wanted: object) -> str:
    return json.dumps({"pool": pool, "endpoint": address, **wanted})


def hurry(pool: str, endpoint: str) -> str:
    return json.dumps({"pool": pool, "endpoint": endpoint})


class News:
    """The last that was told, by word, pool and endpoint."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], str] = {}

    def note(self, word: str, text: str) -> str:
        """Keep it; returns whom it is about."""
        told = json.loads(text)
        about = f"{told['pool']} {told['endpoint']}"
        if word == ENDPOINT:  # what was known of one that goes is not known of one that comes
            for known in FOR_WORKERS:
                self._last.pop((known, about), None)
        self._last.pop((word, about), None)  # it counts after what was told before
        self._last[word, about] = text
        return about

    def take(self, word: str, text: str) -> Iterator[tuple[str, str, str]]:
        """Keep it; (word, text, whom it is about) of all that has to be passed on.

        Addresses of a name may be new to who hears of them, and what the operator wants of one is not.
        """
        yield word, text, self.note(word, text)
        if word == ADDRESSES:
            yield from self._orders_of_addresses(json.loads(text))

    def _orders_of_addresses(self, told: dict[str, Any]) -> list[tuple[str, str, str]]:
        """Of single ones; an order about the whole name has taken back those before it."""
        wanted: dict[tuple[str, str], str] = {}
        for word, text in self:
            if word not in (ORDER, WEIGHT):
                continue
            order = json.loads(text)
            if order["pool"] == told["pool"] and order["endpoint"] == told["endpoint"]:
                wanted = {key: text for key, text in wanted.items() if key[0] != word}
            elif order["pool"] == told["pool"] and order["endpoint"] in told["addresses"]:
                wanted[word, f"{order['pool']} {order['endpoint']}"] = text
        return [(word, text, about) for (word, about), text in wanted.items()]

    def kept(self, old: Config, new: Config) -> News:
        """What still holds when another configuration is in force.

        The operator's word on an endpoint holds for as long as the file has not come to say the same.
        """
        kept = News()
        kept._last = {(word, about): text for (word, about), text in self._last.items()
                      if _holds(word, json.loads(text), old, new)}
        return kept

    def orders(self) -> list[tuple[str, str]]:
        """(word, text) of what the operator wants."""
        return [(word, text) for word, text in self if word not in (HEALTH, ADDRESSES)]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(word, text) of all of them; where names are comes before what is said about these addresses."""
        told = sorted(self._last.items(), key=lambda item: item[0][0] != ADDRESSES)
        return ((word, text) for (word, _), text in told)

    def endpoints(self) -> Iterator[tuple[str, str, bool]]:
        """(pool, endpoint, whether it is there) of those that the operator has added or removed."""
        for word, text in self:
            if word == ENDPOINT:
                told = json.loads(text)
                yield told["pool"], told["endpoint"], told["there"]

    def health(self) -> Iterator[tuple[str, str, bool]]:
        """(pool, endpoint, whether it is up) of those that were probed."""
        for word, text in self:
            if word == HEALTH:
                told = json.loads(text)
                yield told["pool"], told["endpoint"], told["up"]

    def addresses(self) -> Iterator[tuple[str, str, list[str]]]:
        """(pool, endpoint, its addresses) of those that are names."""
        for word, text in self:
            if word == ADDRESSES:
                told = json.loads(text)
                yield told["pool"], told["endpoint"], told["addresses"]


def _holds(word: str, told: dict[str, Any], old: Config, new: Config) -> bool:
    pool, name = new.pools.get(told["pool"]), told["endpoint"]
    if pool is None:
        return False
    there = {str(endpoint.address): endpoint for endpoint in pool.endpoints}
    if word == ENDPOINT:
        return (name in there) is not told["there"]  # else the file says so by now
    if word == PAUSE:
        return True
    before = old.pools.get(told["pool"])
    known = {str(one.address): one.weight for one in before.endpoints} if before is not None else {}
    if name not in there:
        return name not in known and word != ADDRESSES  # one that the operator has added
    match word:
        case "health":
            return pool.health_check is not None
        case "addresses":
            return there[name].resolve
        case "weight":
            return known.get(name) == there[name].weight
    return True
