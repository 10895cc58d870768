"""`send_files`: the application decides who may have a file and names it, the proxy sends it.

It does so by `X-Accel-Redirect: /protected/a%20b.pdf`, a URI as nginx has it, or by `X-Sendfile:
/srv/private/a b.pdf`, a path as Apache and lighttpd have it. The rule of this room: its word counts for
which file it is, also for a hidden one, but for no more than a file below a folder that the
configuration names; and no client ever sees the field, the path, or why there is nothing.

Of the application's head goes to the client what is not about its own body, which is empty mostly. The
validators are the file's, as with nginx: an application's entity tag is as a rule that of the empty
body, the same for all files (Tornado and Werkzeug's `add_etag` make such). It loses nothing by that: what it
answers to a condition with its own tag is a 304 that goes through as it is, and else we answer with ours.
"""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

from proxy.handlers.beneath import FORBIDDEN, MISSING, OpenFile, Root
from proxy.handlers.errands import Errands
from proxy.handlers.mime import content_type
from proxy.handlers.representation import Pieces, Representation, Source, taken
from proxy.handlers.static_cache import LARGEST
from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead
from proxy.observe.logs import Seldom
from proxy.upstream.answer import FileWish

log = logging.getLogger("proxy.handlers.send_files")

SHOWN = 200  # octets of what was asked for that a line of the log shows

# What is said about the application's own body, or said anew about the file.
_OF_BODY = re.compile(
    rb"(?im)^(?:content-(?:length|type|encoding|range|md5|digest)|repr-digest|digest|etag|last-modified|accept-ranges"
    rb"|x-content-type-options):.*\n")
# What a 304 does not say again (RFC 9110 section 15.4.5), and what an error says of no file.
_OF_FILE = re.compile(rb"(?im)^content-(?:disposition|language|location):.*\n")
_OF_FRESHNESS = re.compile(rb"(?im)^(?:cache-control|expires|pragma):.*\n")
_CONTENT_TYPE = re.compile(rb"(?im)^content-type:[ \t]*([^\r\n]+)")


class Unmapped(Exception):
    """What the application names is not below one of the folders, so that the configuration lacks something.

    Args:
        status: for the client.
        reason: for the log: what it lacks.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class SendFiles:
    """The folders of one route.

    Args:
        folders: by the prefix of the URIs that name files in them, each with its final slash.
    """

    __slots__ = ("_errands", "_failed", "_folders", "_unmapped")

    def __init__(self, folders: Mapping[str, Path]) -> None:
        # The longest prefix counts, and the innermost folder.
        self._folders = [
            (prefix.encode(), os.path.abspath(os.fsencode(folder)), Root(os.fsencode(folder), follow=False))
            for prefix, folder in sorted(folders.items(), key=lambda item: -len(item[0]))]
        self._errands = Errands()
        self._failed, self._unmapped = Seldom(log), Seldom(log)

    def answer(self, exchange: Exchange, wish: FileWish, head: ResponseHead) -> None:
        """Answer with the file that the application asks for.

        Args:
            head: the application's, as its client would see it.
        """
        work = partial(self._fetch, wish, _own_type(head))
        self._errands.run(exchange.loop, work, partial(self._fetched, exchange, wish, head))

    def _fetch(self, wish: FileWish, kind: bytes) -> tuple[Representation, OpenFile | None] | Unmapped:
        """Asks the disk, also for the folder: where links lead may take it a while."""
        try:
            root, segments = self._by_path(wish.value) if wish.is_path else self._by_uri(wish.value)
        except Unmapped as error:
            return error
        return _fetch(root, segments, kind)

    def _by_uri(self, value: bytes) -> tuple[Root, list[bytes]]:
        path = unquote_to_bytes(value.partition(b"?")[0])
        for prefix, _, root in self._folders:
            if path.startswith(prefix):
                return root, _segments(path[len(prefix):])
        known = b", ".join(prefix for prefix, _, _ in self._folders).decode(errors="replace")
        raise Unmapped(502, f"begins with no prefix of send_files ({known}); give it one and its folder. "
                            "No other route answers for an application")

    def _by_path(self, value: bytes) -> tuple[Root, list[bytes]]:
        """Frameworks join paths, so that `..` may stand in them: what they lead to is what counts."""
        path = os.path.normpath(value)
        for of in (os.path.abspath, os.path.realpath):  # an application may know the folder by either
            for _, folder, root in sorted(self._folders, key=lambda item: -len(item[1])):
                beneath = of(folder).rstrip(b"/") + b"/"
                if path.startswith(beneath):
                    return root, _segments(path[len(beneath):])
        known = b", ".join(folder for _, folder, _ in self._folders).decode(errors="replace")
        raise Unmapped(404, f"lies in no folder of send_files ({known}); add its folder there")

    def _fetched(self, exchange: Exchange, wish: FileWish, head: ResponseHead,
                 outcome: tuple[Representation, OpenFile | None] | Unmapped | OSError) -> None:
        if isinstance(outcome, Unmapped):
            self._refuse(exchange, wish, outcome)
            return
        if isinstance(outcome, OSError):
            self._fail(exchange, wish, outcome)
            return
        form, file = outcome
        chosen, pieces = _chosen(form, exchange)
        shown = _joined(chosen, head)
        if file is None:
            exchange.respond(shown, taken(form.body, pieces))
        elif not pieces or exchange.method == b"HEAD":
            file.close()
            exchange.respond(shown)
        else:
            [(start, end)] = pieces
            exchange.send_file(shown, file.fd, start, end)

    def _refuse(self, exchange: Exchange, wish: FileWish, error: Unmapped) -> None:
        self._unmapped.warn("%s: %s %r %s", exchange.pool, wish.field, wish.value[:SHOWN], error.reason)
        exchange.refuse(error.status, why=f"{wish.field}: {error.reason}")

    def _fail(self, exchange: Exchange, wish: FileWish, error: OSError) -> None:
        """404 also for what we may not read: 403 would tell that it is there."""
        why = error.strerror
        self._failed.warn("%s: %s %r: %s", exchange.pool, wish.field, wish.value[:SHOWN], why)
        exchange.refuse(404 if error.errno in MISSING or error.errno in FORBIDDEN else 500)


def _segments(path: bytes) -> list[bytes]:
    """The names below a folder."""
    try:
        path.decode()
    except UnicodeDecodeError:
        path = path.decode("latin-1").encode()  # as WSGI has applications write fields (PEP 3333)
    segments = [segment for segment in path.split(b"/") if segment]
    if path.endswith(b"/") or b"\0" in path or not {b".", b".."}.isdisjoint(segments) or not segments:
        raise FileNotFoundError(errno.ENOENT, "Not the name of a file")
    return segments


def _fetch(root: Root, segments: list[bytes], kind: bytes) -> tuple[Representation, OpenFile | None]:
    """The file as it is said and sent; open where it is too large for memory."""
    file = root.open(segments)
    try:
        source = Source.of(root, segments, file.status)
        fields = ((b"Content-Type", kind or content_type(segments[-1])),)
        size = file.status.st_size
        if size > LARGEST:
            return Representation(source, size, fields, None), file
        body = os.pread(file.fd, size, 0)
    except BaseException:
        file.close()
        raise
    file.close()
    return Representation(source, len(body), fields, body), None


def _chosen(form: Representation, exchange: Exchange) -> tuple[ResponseHead, Pieces]:
    whole = form.head, ((0, form.size),)
    if exchange.method != b"GET" and exchange.method != b"HEAD":
        return whole  # another method has been executed by now: it is too late for conditions
    chosen, pieces = form.choose(exchange)
    # RFC 9110 section 14.2: the whole will do for several parts of a file that is not in memory.
    return (chosen, pieces) if form.in_memory or len(pieces) < 2 else whole


def _own_type(head: ResponseHead) -> bytes:
    found = _CONTENT_TYPE.search(head.lines)
    return found[1].rstrip() if found else b""


def _joined(chosen: ResponseHead, head: ResponseHead) -> ResponseHead:
    """What is said about the file, with what else the application said."""
    own = _OF_BODY.sub(b"", head.lines.partition(b"\r\n")[2])
    if chosen.status == 304 or chosen.status >= 400:
        own = _OF_FILE.sub(b"", own)
    if chosen.status >= 400:
        own = _OF_FRESHNESS.sub(b"", own)
    return ResponseHead(chosen.status, chosen.lines + own, chosen.length, dated=head.dated)
