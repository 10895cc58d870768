"""The same small answer every time, made when the route is built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from proxy.http.exchange import Exchange, respond
from proxy.http.prepared import Prepared, ResponseHead
from proxy.wire.status import has_body

if TYPE_CHECKING:
    from proxy.config.schema import RespondConfig

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Whoever writes the response sets these: they depend on the connection, the body and the time.
_NOT_OURS = frozenset(("connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"))


class Respond:
    """Answers whatever is asked, by any method, with one prepared response.

    Raises:
        ValueError: a header that cannot be sent, or a body where the status has none.
    """

    __slots__ = ("_prepared",)

    def __init__(self, config: RespondConfig) -> None:
        body = config.body.encode()
        fields = [(_name(name), value.encode()) for name, value in config.headers.items()]
        if not has_body(config.status):
            if body:
                raise ValueError(f"a response with status {config.status} has no body")
            self._prepared = Prepared(ResponseHead.make(config.status, fields, None), b"")
            return
        if not any(name.lower() == b"content-type" for name, _ in fields):
            fields.insert(0, (b"Content-Type", config.content_type.encode()))
        self._prepared = Prepared(ResponseHead.make(config.status, fields, len(body)), body)

    def handle(self, exchange: Exchange) -> None:
        respond(exchange, self._prepared)

    def describe(self, exchange: Exchange) -> dict[str, Any]:
        return {"kind": "respond", "status": self._prepared.head.status, "octets": len(self._prepared.body)}


def _name(name: str) -> bytes:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no header name")
    if name.lower() in _NOT_OURS:
        raise ValueError(f"the header {name!r} is set by the proxy itself")
    return name.encode()
