"""Files that were looked at, small ones as ready responses, and the one shelf that bounds them.

Each route finds its entries in a dict of its own, by path; the shelf knows those of all routes in
this worker and drops the oldest when they take too much memory. An entry is looked at again once
it is a second old, and goes to the young end then: so the order is by last use, to the second,
and a hit costs nothing for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection

from proxy.handlers.representation import Identity, Representation, Source, identity
from proxy.http.prepared import Form, Kept
from proxy.wire.accept import Accepts

LARGEST = 256 * 1024
ROOM = 64 * 1024 * 1024
# Octets that an entry takes besides its bodies, the small answer in one piece too; bounds the count as well.
OVERHEAD = 6144
FRESH = 1.0      # seconds between two looks at a file
MOST_FORMS = 64  # kinds of clients whose form an entry knows

Looked = tuple[tuple[bytes, Identity | None], ...]  # paths, and what was there


class Entry:
    """What is known of the file that a path means.

    Args:
        plain: the form without a content coding.
        looked: every path that has a say in the answer, those where nothing was, too.
        sidecars: files beside it that hold it in a coding.
        codings: those that a client may get it in: the sidecars', and those that can be made.

    Attributes:
        kept: what front ends may send by themselves. Once it is no longer fresh the files are looked at
            again; when the shelf drops the entry nothing is left in it, for who still has it must not keep
            its memory.
        variants: forms by coding, as far as they were asked for; None where the plain one is no larger.
        octets: what it takes of the shelf.
    """

    __slots__ = ("codings", "home", "kept", "key", "looked", "octets", "plain", "sidecars", "variants")

    def __init__(self, plain: Representation, looked: Looked,
                 sidecars: dict[bytes, Source] | None = None, codings: Collection[bytes] = ()) -> None:
        self.kept = Kept(None if codings or not plain.in_memory else plain)
        self.plain = plain
        self.looked = looked
        self.sidecars = sidecars or {}
        self.codings = codings
        self.variants: dict[bytes, Representation | None] = {}
        self.octets = OVERHEAD + len(plain.body)
        self.key = b""
        self.home: dict[bytes, Entry] = {}

    def is_current(self) -> bool:
        """Whether the files are still those that were looked at; a change within the clock's grain hides.

        Nor may the clock have been set back to before Last-Modified (RFC 9110 section 8.8.2.1).
        """
        sources = (self.plain.source, *self.sidecars.values())
        dated = self.plain.modified
        return (dated is None or dated <= time.time()) and all(source.settled for source in sources) and all(
            state_of(path) == state for path, state in self.looked)

    def remember(self, accepts: Accepts, form: Form) -> None:
        """The form for clients that accept this."""
        forms = self.kept.forms
        if not self.kept.fresh_until:
            return  # the shelf has dropped it, and nobody would look there
        if len(forms) >= MOST_FORMS:
            forms.clear()
        forms[accepts] = form


def state_of(path: bytes) -> Identity | None:
    """None: there is nothing, or nothing that we may look at."""
    try:
        return identity(os.stat(path))
    except OSError:
        return None


class Shelf:
    """The entries of all static routes of a worker, oldest first.

    Attributes:
        hits: visits that an entry had an answer for; those that front ends give by themselves are not among
            them.
        looks: visits for which the disk was looked at.
    """

    __slots__ = ("_order", "_room", "_taken", "hits", "looks")

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._taken = 0
        self.hits = self.looks = 0
        self._order: dict[Entry, None] = {}

    def resize(self, room: int) -> None:
        """Take so many octets from now on."""
        self._room = room
        self._make_room()

    def put(self, entry: Entry, home: dict[bytes, Entry], key: bytes, fresh_until: float) -> None:
        """Keep an entry under a key of a route's dict, in the place of what was there."""
        if (old := home.get(key)) is not None:
            self.drop(old)
        entry.home, entry.key, entry.kept.fresh_until = home, key, fresh_until
        home[key] = entry
        self._order[entry] = None
        self._taken += entry.octets
        self._make_room()

    def add(self, entry: Entry, coding: bytes, form: Representation | None) -> None:
        """An entry has one more form, made of its own files."""
        assert form is None or form.source in (entry.plain.source, entry.sidecars.get(coding))
        entry.variants[coding] = form
        if form is not None and entry in self._order:
            entry.octets += len(form.body)
            self._taken += len(form.body)
            self._make_room()

    def _make_room(self) -> None:
        while self._taken > self._room:
            self.drop(next(iter(self._order)))

    def drop(self, entry: Entry) -> None:
        del entry.home[entry.key], self._order[entry]
        self._taken -= entry.octets
        kept = entry.kept
        kept.fresh_until, kept.sole = 0.0, None
        kept.forms.clear()

    def renew(self, entry: Entry, fresh_until: float) -> None:
        """An entry was looked at again, and is still right."""
        if entry in self._order:
            entry.kept.fresh_until = fresh_until
            self._order[entry] = self._order.pop(entry)


SHELF = Shelf()  # one per process
