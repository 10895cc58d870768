"""Files from a directory.

The rule of this room: a small file that was asked for before is answered by a dict lookup and a
few tests of attributes; nothing is built, read, logged or timed for it. All else may take its
time (see `static_visit`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from proxy.handlers.static_cache import SHELF, Shelf
from proxy.handlers.static_visit import Place, Visit
from proxy.http.exchange import Exchange

if TYPE_CHECKING:
    from proxy.config.static_schema import StaticConfig


class Static:
    """Answers GET and HEAD below `prefix` with the files of `config.root`."""

    __slots__ = ("_entries", "_place", "config", "prefix")

    def __init__(self, config: StaticConfig, prefix: bytes, shelf: Shelf = SHELF) -> None:
        self.config = config
        self.prefix = prefix
        self._place = Place(config, prefix, shelf)
        self._entries = self._place.entries

    def forget(self) -> None:
        """No route has it any more: leave the memory to others."""
        for entry in list(self._entries.values()):
            self._place.shelf.drop(entry)

    def handle(self, exchange: Exchange) -> None:
        # benchmarks/micro_static.py: 0.2 us with an exchange that does nothing.
        target, headers = exchange.target, exchange.headers
        entry = self._entries.get(target.path)
        if (
            entry is not None
            and exchange.started <= (kept := entry.kept).fresh_until
            and exchange.method == b"GET"
            and headers.plain
            and not target.ambiguous
        ):
            form = kept.sole or kept.forms.get(headers.accepts)
            if form is not None and (not headers.none_match or headers.none_match == form.etag):
                exchange.respond_kept(kept, form)
                return
        Visit(self._place, exchange).begin()

    def describe(self, exchange: Exchange) -> dict[str, Any]:
        place = self._place
        about: dict[str, Any] = {"kind": "static", "root": os.fsdecode(place.library.root)}
        paths = [place.not_found] if exchange.status == 404 else [exchange.target.path, place.fallback]
        for entry in filter(None, map(self._entries.get, filter(None, paths))):
            file = entry.looked[0][0]
            return {**about, "file": os.fsdecode(file), "size": entry.plain.size,
                    "beside": [coding.decode() for coding in entry.sidecars],
                    "codings": [coding.decode() for coding in entry.codings]}
        return about
