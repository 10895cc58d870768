"""What lies in a directory: read, ordered, and said as JSON; `listing_page` says it as a page.

The rule of this room: it knows a directory by a handle and its names, never by a path, so nothing
that it says can hold one. It is made for a thread beside the loop: whatever the directory holds, the
work is bounded, and no single call of it keeps the interpreter for more than some milliseconds.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from heapq import nlargest, nsmallest
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qsl

SHOWN = 10_000    # entries of one listing
SEEN = 200_000    # names that are looked at to choose these; of more the disk chooses
_LAST = 253_402_300_799  # the last second of the year 9999, the end of what ISO 8601 writes with four digits

_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


class Order(NamedTuple):
    """How entries are sorted: `by` name, size or modified; directories stand first in any order."""

    by: str = "name"
    descending: bool = False


class Entry(NamedTuple):
    """One name of a directory; `modified` in seconds since 1970."""

    name: bytes
    is_directory: bool
    size: int
    modified: int


class Listing(NamedTuple):
    """The entries in their order; `truncated` where there are more of them than are listed."""

    entries: list[Entry]
    truncated: bool


class _Found:
    """A name that may be listed, and its place in the order."""

    __slots__ = ("is_directory", "name", "place", "source")

    def __init__(self, source: os.DirEntry[str] | os.stat_result, name: bytes, *, is_directory: bool) -> None:
        self.source = source
        self.name = name
        self.is_directory = is_directory
        self.place: tuple[bool, int, str, bytes] = (not is_directory, 0, decoded(name).casefold(), name)

    def entry(self) -> Entry:
        """OSError where it is gone by now."""
        source = self.source
        status = source if isinstance(source, os.stat_result) else source.stat(follow_symlinks=False)
        return Entry(self.name, self.is_directory, status.st_size, status.st_mtime_ns // 1_000_000_000)


def order_of(query: bytes) -> Order:
    """The order that `sort=` and `order=` of a query ask for; what means nothing is passed over."""
    asked = _parameters(query)
    by = asked.get("sort", "name")
    return Order(by if by in ("name", "size", "modified") else "name", asked.get("order") == "desc")


def wants_json(accept: bytes | None, query: bytes) -> bool:
    """Whether the JSON form is asked for: by `format=`, else because `Accept` likes it better than a page.

    At equal weight the one that is named wins over a wildcard: so `application/json, */*` is for
    JSON, and what curl (`*/*`) and browsers send is for the page.
    """
    asked = _parameters(query).get("format")
    if asked in ("json", "html"):
        return asked == "json"
    weights = dict(map(_weighed, (accept or b"").decode("latin-1").lower().split(",")))
    return _liking(weights, "application", "json") > _liking(weights, "text", "html")


def _parameters(query: bytes) -> dict[str, str]:
    return dict(parse_qsl(query.decode("latin-1")))


def _weighed(member: str) -> tuple[str, float]:
    """A media range of an Accept and its weight (RFC 9110 section 12.5.1), without other parameters."""
    kind, *parameters = (part.strip() for part in member.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            return kind, float(parameter[2:]) if _WEIGHT.fullmatch(parameter[2:]) else 0.0
    return kind, 1.0


def _liking(weights: dict[str, float], kind: str, subtype: str) -> tuple[float, int]:
    """Weight, and how exactly it was meant."""
    for exactness, name in ((2, f"{kind}/{subtype}"), (1, f"{kind}/*"), (0, "*/*")):
        if name in weights:
            return weights[name], exactness if weights[name] else 0
    return 0.0, 0


def scan(
    fd: int,
    hide: Callable[[bytes], bool],
    order: Order = Order(),  # noqa: B008 - a constant
    link: Callable[[bytes], os.stat_result] | None = None,
) -> Listing:
    """The regular files and directories of a directory.

    Args:
        fd: the directory, open for reading (not O_PATH); stays open.
        hide: of a name, whether it is not to be seen.
        order: of the entries.
        link: of a symbolic link's name, the status of what it leads to; OSError for what is not
            served. Without it links are followed wherever they lead.

    Raises:
        OSError: as `os.scandir`.
    """
    with os.scandir(fd) as names:
        found = _found(islice(names, SEEN), fd, hide, link)
        chosen = _first(found if order.by == "name" else _weigh(found, order), order)
        truncated = len(chosen) > SHOWN or next(names, None) is not None
    return Listing([entry for _, entry in _described(chosen[:SHOWN])], truncated)


def _found(
    names: Iterator[os.DirEntry[str]],
    fd: int,
    hide: Callable[[bytes], bool],
    link: Callable[[bytes], os.stat_result] | None,
) -> Iterator[_Found]:
    """What may be listed: no devices, FIFOs or sockets, and no name that no URL can ask for."""
    for one in names:
        name = os.fsencode(one.name)
        if b"\\" in name or hide(name):
            continue
        try:
            if one.is_symlink():
                status = link(name) if link else os.stat(name, dir_fd=fd)
                if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
                    yield _Found(status, name, is_directory=stat.S_ISDIR(status.st_mode))
            elif (is_directory := one.is_dir(follow_symlinks=False)) or one.is_file(follow_symlinks=False):
                yield _Found(one, name, is_directory=is_directory)
        except OSError:
            continue  # gone, or a link to what is not served


def _weigh(found: Iterable[_Found], order: Order) -> Iterator[_Found]:
    """Take size or time into the places; a directory's size means nothing."""
    for one, entry in _described(found):
        value = entry.modified if order.by == "modified" else 0 if one.is_directory else entry.size
        one.place = (one.place[0], -value if order.descending else value, *one.place[2:])
        yield one


def _first(found: Iterable[_Found], order: Order) -> list[_Found]:
    """The first of them in order, and one more where there are more.

    A heap of those that are to be shown: a sort of all would let nobody else run, and keep all.
    """
    if order.by == "name" and order.descending:
        return nlargest(SHOWN + 1, found, key=lambda one: (not one.place[0], *one.place[1:]))
    return nsmallest(SHOWN + 1, found, key=lambda one: one.place)


def _described(found: Iterable[_Found]) -> Iterator[tuple[_Found, Entry]]:
    """Each with its status, which is asked for here; without those that are gone by now."""
    for one in found:
        try:
            yield one, one.entry()
        except OSError:
            continue


def decoded(name: bytes) -> str:
    """A name or path as text; octets that are no UTF-8 are U+FFFD."""
    return name.decode("utf-8", "replace")


def iso(seconds: int) -> str:
    """A time as ISO 8601 writes it, in UTC; what no calendar holds is moved to its ends."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(seconds, 0), _LAST)))


def listing_json(path: bytes, listing: Listing) -> bytes:
    """{"path", "entries": [{"name", "type", "size", "modified"}], "truncated"}; a directory has no size."""
    rows = ",\n".join(_json_rows(listing.entries))
    truncated = "true" if listing.truncated else "false"
    whole = f'{{"path": {_text(path)}, "entries": [\n{rows}\n], "truncated": {truncated}}}\n'
    return whole.encode()


def _json_rows(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        kind, size = ("directory", "null") if entry.is_directory else ("file", str(entry.size))
        yield (f'{{"name": {_text(entry.name)}, "type": "{kind}", "size": {size}, '
               f'"modified": "{iso(entry.modified)}"}}')


def _text(name: bytes) -> str:
    return json.dumps(decoded(name), ensure_ascii=False)
