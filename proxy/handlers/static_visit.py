"""One request for a file that memory does not answer at once.

The rule of this room: what asks the disk is an errand (see there), what is not there, not a regular file,
hidden, or not ours to read is a 404 that does not say which, and an exchange that is over by the time
that its file is there costs nothing more: the exchange ignores what comes after its end.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from proxy.compression.media import COMPRESSIBLE, Media
from proxy.handlers.beneath import FORBIDDEN, MISSING, OpenFile, Root
from proxy.handlers.builds import Builds
from proxy.handlers.cache_rules import CacheRules
from proxy.handlers.conditions import precondition
from proxy.handlers.errands import Errands, Then, Work
from proxy.handlers.library import Changed, Describe, Library, read_pieces
from proxy.handlers.mime import content_type, extension_of, is_known
from proxy.handlers.names import Names, is_doubtful
from proxy.handlers.ranges import asks_for_part
from proxy.handlers.representation import Fields, Pieces, Representation, taken
from proxy.handlers.slices import send_body
from proxy.handlers.static_cache import LARGEST, Entry, Shelf
from proxy.handlers.static_listing import Wish, listed
from proxy.handlers.urls import encode_path, escape
from proxy.http.exchange import Exchange, respond
from proxy.http.prepared import Form, ResponseHead, error_page
from proxy.observe.logs import Seldom

if TYPE_CHECKING:
    from proxy.config.static_schema import StaticConfig

compressible = Media(COMPRESSIBLE)
log = logging.getLogger("proxy.handlers.static")

QUICK = 32 * 1024  # octets that are compressed in the loop, which takes 1 ms; more take a thread
MOST_IN_PARTS = 1024 * 1024  # octets of several parts, which are collected; for more the whole is sent
MOST_LOOKS = 2     # at a path for one request, should its file change before it is opened

NOT_ALLOWED = error_page(405, [(b"Allow", b"GET, HEAD")])


class Place:
    """What all visits of one route share.

    Attributes:
        entries: by path, those that are in memory.
        fallback: path that is served where nothing is; None: 404.
        not_found: path of the page that a 404 has; None: the plain one.
    """

    __slots__ = (
        "_generation", "_types", "builds", "denied", "entries", "errands", "fallback", "fresh", "library",
        "listing", "names", "not_found", "shelf", "unreadable")

    def __init__(self, config: StaticConfig, prefix: bytes, shelf: Shelf) -> None:
        builds = Builds(config.manifest, config.root, config.keep, follow=config.follow_symlinks,
                        interval=config.revalidate)
        self.builds = builds
        self._generation = builds.generation
        root = Root(os.fsencode(config.root), follow=config.follow_symlinks)
        self.names = Names(prefix, config.hide, hidden=config.hidden)
        self.library = Library(
            root, builds, [os.fsencode(name) for name in config.index], describer(config, builds),
            [coding.encode() for coding in config.precompressed],
            config.compress.minimum if config.compress else None)
        self.entries: dict[bytes, Entry] = {}
        self.errands = Errands()
        self.unreadable = Seldom(log)
        self.shelf = shelf
        self.fresh = config.revalidate
        self.denied = config.denied
        self.listing = config.listing
        self._types = frozenset(config.types)
        self.fallback = _below(prefix, config.fallback)
        self.not_found = _below(prefix, config.not_found)

    def is_file(self, path: bytes) -> bool:
        """Whether it has the name of a file, be it there or not."""
        return is_known(path) or extension_of(path) in self._types

    def refresh(self, now: float) -> None:
        """Notice a new build: what was said about its files is no longer true."""
        builds = self.builds
        builds.refresh(now)
        if builds.generation != self._generation:
            self._generation = builds.generation
            for entry in list(self.entries.values()):
                self.shelf.drop(entry)


class Visit:
    """One request; `begin` it.

    Args:
        path: whose file answers.
        status: with which.
    """

    __slots__ = ("_exchange", "_looks", "_path", "_place", "_status")

    def __init__(self, place: Place, exchange: Exchange, path: bytes | None = None,
                 status: int = 200) -> None:
        self._place = place
        self._exchange = exchange
        self._path = exchange.target.path if path is None else path
        self._status = status
        self._looks = 0

    def begin(self) -> None:
        builds = self._place.builds
        if builds.loaded:
            self._begin(None)
        else:
            self._place.errands.run(self._exchange.loop, builds.load, self._begin, key=builds, long=True)

    def _begin(self, _: object) -> None:
        exchange = self._exchange
        target = exchange.target
        self._place.refresh(exchange.started)
        if exchange.method != b"GET" and exchange.method != b"HEAD":
            respond(exchange, NOT_ALLOWED)
        elif target.ambiguous and is_doubtful(target.path_query):
            self._not_found()
        else:
            self.go()

    def go(self) -> None:
        """Answer with the file, whatever was asked for."""
        entry = self._place.entries.get(self._path)
        if entry is None:
            self._look()
        elif self._exchange.started <= entry.kept.fresh_until:
            self._place.shelf.hits += 1
            self._answer(entry)
        else:
            self._run(entry.is_current, partial(self._confirmed, entry), (entry, b"?"))

    def _run(self, work: Work, then: Then, key: tuple[Entry | bytes, bytes], *, long: bool = False) -> None:
        """An errand that visits share: those of a path, or of an entry.

        A path has another entry once its file has changed: what is found out for one is wrong for the other.
        """
        self._place.errands.run(self._exchange.loop, work, then, key=key, long=long)

    # Finding the file.

    def _confirmed(self, entry: Entry, current: object) -> None:
        place = self._place
        if current is True:
            place.shelf.renew(entry, self._exchange.started + place.fresh)
            place.shelf.hits += 1
            self._answer(entry)
        else:
            self._look_again(entry)

    def _look_again(self, entry: Entry) -> None:
        place = self._place
        if place.entries.get(self._path) is entry:
            place.shelf.drop(entry)
        self._look()

    def _look(self) -> None:
        self._looks += 1
        place, path = self._place, self._path
        place.shelf.looks += 1
        segments = place.names.segments(path)
        if segments is None:
            self._missing()
        elif self._looks > MOST_LOOKS:
            work = partial(place.library.fetch, segments, directory=path.endswith(b"/"))
            place.errands.run(self._exchange.loop, work, self._fetched)
        else:
            self._run(partial(place.library.look, segments, directory=path.endswith(b"/")), self._found,
                      (path, b""))

    def _found(self, outcome: tuple[Entry, bool] | OSError) -> None:
        if isinstance(outcome, OSError):
            self._fail(outcome)
            return
        entry, steady = outcome
        place = self._place
        if steady and place.entries.get(self._path) is not entry:  # else another visit has put it there
            place.shelf.put(entry, place.entries, self._path, self._exchange.started + place.fresh)
        self._answer(entry)

    # Choosing the form.

    def _answer(self, entry: Entry) -> None:
        coding = self._coding(entry)
        if coding is None:
            self._send(entry, entry.plain)
        elif coding in entry.variants:
            self._send(entry, entry.variants[coding] or entry.plain)
        else:
            long = coding not in entry.sidecars and entry.plain.size > QUICK
            self._run(partial(self._place.library.make, entry, coding), partial(self._made, entry, coding),
                      (entry, coding), long=long)

    def _coding(self, entry: Entry) -> bytes | None:
        """The coding of the form that this client is to get; None: the plain form."""
        if not entry.codings:
            return None
        exchange, headers = self._exchange, self._exchange.headers
        if asks_for_part(exchange.method, headers.get(b"range")) and headers.accepts.identity:
            # A part of a coded form is of use to those alone who have another part of it, and say so.
            validator = headers.get(b"if-range") or b""
            return next((coding for coding in entry.sidecars if validator.endswith(b'-%b"' % coding)
                         and coding in headers.accepts.codings), None)
        return headers.accepts.best(entry.codings)

    def _made(self, entry: Entry, coding: bytes, outcome: Representation | OSError | None) -> None:
        if isinstance(outcome, Changed):
            self._look_again(entry)
        elif isinstance(outcome, OSError):
            self._fail(outcome)
        else:
            if coding not in entry.variants:
                self._place.shelf.add(entry, coding, outcome)
            self._send(entry, entry.variants[coding] or entry.plain)

    # Sending it.

    def _send(self, entry: Entry, form: Representation) -> None:
        exchange = self._exchange
        if self._status != 200:
            self._send_page(form)
            return
        goes_at_once = form.in_memory and form.size <= LARGEST
        if goes_at_once and entry.codings and exchange.headers.get(b"range") is None:
            entry.remember(exchange.headers.accepts, form)
        head, pieces = form.choose(exchange)
        if form.in_memory:
            send_body(exchange, head, taken(form.body, pieces))
        elif not pieces or exchange.method == b"HEAD":
            exchange.respond(head)
        else:
            open_it = partial(self._place.library.open, form.source)
            self._place.errands.run(exchange.loop, open_it, partial(self._opened, entry, form, head, pieces))

    def _opened(self, entry: Entry, form: Representation, head: ResponseHead, pieces: Pieces,
                outcome: OpenFile | OSError) -> None:
        if isinstance(outcome, Changed):
            self._look_again(entry)
        elif isinstance(outcome, OSError):
            self._fail(outcome)
        else:
            self._send_file(form, head, pieces, outcome)

    def _fetched(self, outcome: tuple[Entry, bool, OpenFile] | OSError) -> None:
        """A file that changes all the time: the plain form of what was found, from the descriptor itself."""
        if isinstance(outcome, OSError):
            self._fail(outcome)
            return
        entry, _, file = outcome
        form, exchange = entry.plain, self._exchange
        head, pieces = form.choose(exchange)
        if self._status != 200 or form.in_memory or not pieces or exchange.method == b"HEAD":
            file.close()
            self._send(entry, form)
        else:
            self._send_file(form, head, pieces, file)

    def _send_file(self, form: Representation, head: ResponseHead, pieces: Pieces, file: OpenFile) -> None:
        if len(pieces) > 1 and (head.length or 0) <= MOST_IN_PARTS:
            work = partial(read_pieces, file, pieces)
            self._place.errands.run(self._exchange.loop, work, partial(self._read, head))
            return
        if len(pieces) > 1:  # RFC 9110 section 14.2: the whole will do
            head, pieces = form.head, ((0, form.size),)
        [(start, end)] = pieces
        self._exchange.send_file(head, file.fd, start, end)

    def _read(self, head: ResponseHead, outcome: bytes | OSError) -> None:
        """Several parts of a file that is not in memory."""
        if isinstance(outcome, OSError):
            self._fail(outcome)
        else:
            send_body(self._exchange, head, outcome)

    def _send_page(self, form: Representation) -> None:
        """A file of the site as the page of an error."""
        if form.in_memory:
            send_body(self._exchange, form.page(self._status), form.body)
        else:
            self._exchange.refuse(self._status)

    # What is no file.

    def _fail(self, error: OSError) -> None:
        """404 also for what we may not read, where the configuration says so: 403 tells that it is there."""
        if isinstance(error, IsADirectoryError) and not self._path.endswith(b"/"):
            self._add_slash()
        elif error.errno in MISSING:
            self._missing()
        else:
            self._unreadable(error, self._missing)

    def _unreadable(self, error: OSError, missing: Callable[[], None]) -> None:
        """What is there, and cannot be read; or may not, which can be as if it were `missing`."""
        exchange, place = self._exchange, self._place
        place.unreadable.warn("static: %r: %s", self._path, error.strerror)
        if error.errno not in FORBIDDEN:
            exchange.refuse(500, why=f"the file: {error.strerror}")
        elif place.denied == 403:
            exchange.refuse(403, why="the proxy may not read it")
        else:
            missing()

    def _add_slash(self) -> None:
        """A directory's relative links work only below its slash.

        The path has no doubled slash, so this never names another host.
        """
        target = self._exchange.target
        location = encode_path(self._path) + b"/"
        if target.query:
            location += b"?" + escape(target.query)
        respond(self._exchange, error_page(301, [(b"Location", location)]))

    def _missing(self) -> None:
        """Nothing is there: what the configuration has in its place, or a 404."""
        place, path = self._place, self._path
        segments = place.names.segments(path)
        if path in (place.fallback, place.not_found):
            if path != self._exchange.target.path:
                place.unreadable.warn("static: %r stands in the configuration, and is not there", path)
            self._exchange.refuse(404, why="the page that the configuration names is not there")
        elif segments is None:
            self._not_found()
        elif place.listing and path.endswith(b"/"):
            self._list(segments)
        else:
            self._answer_otherwise()

    def _answer_otherwise(self) -> None:
        """A page of the application, unless the name is that of a file."""
        place = self._place
        if place.fallback is not None and not place.is_file(self._path):
            Visit(place, self._exchange, place.fallback).go()
        else:
            self._not_found()

    def _not_found(self) -> None:
        place, exchange = self._place, self._exchange
        if place.not_found is not None:
            Visit(place, exchange, place.not_found, 404).go()
        else:
            exchange.refuse(404, why="no file of that name is served")

    # A directory.

    def _list(self, segments: list[bytes]) -> None:
        place, exchange = self._place, self._exchange
        wish = Wish.of(exchange, self._path)
        work = partial(listed, place.library, place.names, segments, wish)
        place.errands.run(exchange.loop, work, self._listed, key=wish, long=True)

    def _listed(self, outcome: Form | OSError) -> None:
        exchange = self._exchange
        if isinstance(outcome, OSError):
            if outcome.errno in MISSING:
                self._answer_otherwise()
            else:
                self._unreadable(outcome, self._answer_otherwise)
            return
        get = exchange.headers.get
        if get(b"if-none-match") is not None and precondition(get, outcome.etag, 0) == 304:
            exchange.respond(outcome.unchanged)
        else:
            send_body(exchange, outcome.head, outcome.body)


def describer(config: StaticConfig, builds: Builds) -> Describe:
    """What is said about a file besides its validators, by its name below the root."""
    own = {extension: kind.encode() for extension, kind in config.types.items()}
    cache = CacheRules(config.cache, config.max_age, builds.is_immutable)

    def describe(name: bytes) -> tuple[Fields, bool]:
        kind = own.get(extension_of(name)) or content_type(name)
        return ((b"Content-Type", kind), *cache.fields_for(name)), compressible.has(kind)

    return describe


def _below(prefix: bytes, name: str | None) -> bytes | None:
    return None if name is None else prefix + os.fsencode(name.strip("/"))
