"""Request targets and authorities (RFC 9112 section 3.2, RFC 3986).

A target is forwarded as it was sent and matched on a normalised copy. Where readers of a path
may differ (dot segments, doubled or encoded slashes, backslashes) every other reading is kept in
`ambiguous`, so that the route table can refuse what its rules would judge differently.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote_to_bytes

from proxy.errors import RequestError

# RFC 3986 characters, and those that browsers leave unencoded: " < > \ ^ ` { | }. No fragment.
_VISIBLE = re.compile(rb"[\x21\x22\x24-\x7e]+")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]*)([^?]*)((?:\?.*)?)")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SUSPECT = re.compile(rb"//|/\.|\\|%2[fF]|%5[cC]|%2[eE]")
_AUTHORITY = re.compile(
    rb"(\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&*+;=-]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?")


class Target:
    """A request target, taken apart once.

    Attributes:
        raw: as sent.
        path_query: what is forwarded: the target in origin-form (or `*`).
        path: percent-decoded, dot segments resolved, slashes merged; for matching only.
        query: without its `?`.
        authority: of an absolute-form or authority-form target, else None.
        ambiguous: other readings of the path, each different from `path`.
    """

    __slots__ = ("ambiguous", "authority", "path", "path_query", "query", "raw")

    def __init__(self, raw: bytes, path: bytes, query: bytes, authority: bytes | None) -> None:
        self.raw = raw
        self.query = query
        self.authority = authority
        self.path_query = path + b"?" + query if query else path
        self.path, self.ambiguous = readings(path)


def parse_target(method: bytes, raw: bytes) -> Target:
    """The target of a request line.

    Raises:
        RequestError: 400 for what no form of section 3.2 allows.
    """
    if not _VISIBLE.fullmatch(raw):
        raise RequestError(400, "invalid character in the request target", "RFC 9112 section 3.2")
    if method == b"CONNECT":
        return _authority_form(raw)
    if raw[:1] == b"/":
        path, mark, query = raw.partition(b"?")
        target = Target(raw, path, query, None)
        if mark and not query:
            target.path_query = raw
        return target
    if raw == b"*":
        if method != b"OPTIONS":
            raise RequestError(400, "asterisk-form is for OPTIONS alone", "RFC 9112 section 3.2.4")
        return Target(raw, raw, b"", None)
    match = _ABSOLUTE.fullmatch(raw)
    if match is None:
        raise RequestError(400, "the request target has none of the four forms", "RFC 9112 section 3.2")
    return _absolute_form(method, raw, *match.groups())


def _authority_form(raw: bytes) -> Target:
    """RFC 9110 section 9.3.6: host and port, both there."""
    if not valid_authority(raw) or not raw.rpartition(b":")[2].isdigit() or raw.endswith(b"]"):
        raise RequestError(400, "CONNECT needs host:port", "RFC 9110 section 9.3.6")
    return Target(raw, raw, b"", raw)


def _absolute_form(method: bytes, raw: bytes, authority: bytes, path: bytes, query: bytes) -> Target:
    if not valid_authority(authority):
        # User information is refused too: RFC 9110 section 4.2.4.
        raise RequestError(400, "invalid authority in the request target", "RFC 9110 section 4.2.4")
    if not path and not query and method == b"OPTIONS":
        path = b"*"  # RFC 9112 section 3.2.4
    target = Target(raw, path or b"/", query[1:], authority)
    target.path_query += b"?" if query == b"?" else b""
    return target


def readings(path: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """The normalised path, and what else a less or more eager reader may take it for."""
    if b"%" in path and _BAD_ESCAPE.search(path):
        raise RequestError(400, "malformed percent-encoding in the path", "RFC 3986 section 2.1")
    decoded = unquote_to_bytes(path)
    if b"\0" in decoded:
        raise RequestError(400, "NUL in the path", "RFC 3986 section 7.3")
    if not _SUSPECT.search(path):
        return decoded, ()
    normal = merge_slashes(remove_dots(decoded))
    slashes_kept = unquote_to_bytes(re.sub(rb"(?i)%(2f|5c)", rb"%25\1", path))
    backslashed = decoded.replace(b"\\", b"/")
    others = {decoded, remove_dots(decoded), slashes_kept, remove_dots(slashes_kept),
              remove_dots(merge_slashes(decoded)), merge_slashes(remove_dots(backslashed))}
    return normal, tuple(sorted(others - {normal}))


def remove_dots(path: bytes) -> bytes:
    """RFC 3986 section 5.2.4 for a path that begins with a slash."""
    out: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            del out[-1:]
        elif segment != b".":
            out.append(segment)
    if segments[-1:] in ([b"."], [b".."]):
        out.append(b"")
    return b"/" + b"/".join(out)


def merge_slashes(path: bytes) -> bytes:
    return re.sub(rb"//+", b"/", path)


def valid_authority(authority: bytes) -> bool:
    """Whether this is a host with an optional port (RFC 9110 section 7.2), nothing around it.

    Of reg-name (RFC 3986 section 3.2.2) all is taken but comma, quote and parentheses: a comma is
    how two values are joined, and applications paste this value into links.
    """
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return False
    host, port = match.groups()
    if port and int(port) > 65535:
        return False
    return not host.startswith(b"[") or _is_ipv6(host[1:-1])


def _is_ipv6(text: bytes) -> bool:
    try:
        ipaddress.IPv6Address(text.decode())
    except ValueError:
        return False
    return True
