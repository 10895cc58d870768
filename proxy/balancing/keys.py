"""What of a request is hashed: `hash_key` of the configuration as a function.

A reader of a key returns nothing (None or empty) where the request does not have it; the caller
then takes the client's address, so that those without a cookie do not all meet one endpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from proxy.balancing.strategy import Request

ReadKey = Callable[[Request], bytes | None]


def key_reader(hash_key: str) -> ReadKey:
    """The reader of `client`, `path`, `query:NAME`, `header:NAME` or `cookie:NAME`.

    Raises:
        ValueError: it is none of these.
    """
    if hash_key in _SIMPLE:
        return _SIMPLE[hash_key]
    kind, _, name = hash_key.partition(":")
    if kind not in _NAMED or not name:
        raise ValueError(
            f"{hash_key!r} is not a hash key; client, path, query:NAME, header:NAME and cookie:NAME are")
    return _NAMED[kind](name.encode())


def client_key(exchange: Request) -> bytes:
    return exchange.client.encode()


def _path_key(exchange: Request) -> bytes:
    return exchange.target.path


def _query_key(name: bytes) -> ReadKey:
    return lambda exchange: query_value(exchange.target.query, name)


def _header_key(name: bytes) -> ReadKey:
    lower = name.lower()
    return lambda exchange: exchange.headers.get(lower)


def _cookie_key(name: bytes) -> ReadKey:
    def read(exchange: Request) -> bytes | None:
        cookies = exchange.headers.get(b"cookie")
        return None if cookies is None else cookie_value(cookies, name)
    return read


def query_value(query: bytes, name: bytes) -> bytes | None:
    """The first value of a parameter, decoded like a form's, as the `query` matcher of routes does."""
    for part in query.split(b"&"):
        key, _, value = part.replace(b"+", b" ").partition(b"=")
        if unquote_to_bytes(key) == name:
            return unquote_to_bytes(value)
    return None


def cookie_value(cookies: bytes, name: bytes) -> bytes | None:
    """The value of a cookie in a Cookie field, exactly as it stands there.

    The first of several counts: browsers send the one with the longest path first (RFC 6265
    section 5.4), the one that is meant for this part of the site.
    """
    for pair in cookies.split(b";"):
        key, equals, value = pair.partition(b"=")
        if equals and key.strip(b" \t") == name:
            return value.strip(b" \t")
    return None


_SIMPLE: dict[str, ReadKey] = {"client": client_key, "path": _path_key}
_NAMED: dict[str, Callable[[bytes], ReadKey]] = {
    "query": _query_key, "header": _header_key, "cookie": _cookie_key}
