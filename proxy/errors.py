"""What went wrong, whose fault it is, and which status says so.

Two families and no more: `RequestError` is the client's fault and becomes a 4xx/5xx page
written by us; `UpstreamError` is an endpoint's fault and becomes a 502 or 504, or, once the
response has begun, a visible cut. Nothing in a message here is ever shown to a client.
"""

from __future__ import annotations

import os
import socket


class RequestError(Exception):
    """A request that is refused.

    Args:
        status: the HTTP status to answer with.
        reason: for the log; never shown to the client.
        rule: who says so: a section of an RFC, or the key of the configuration; for the operator.
        close: whether the connection's framing is lost, so that it must end after the answer.
    """

    def __init__(self, status: int, reason: str, rule: str = "", *, close: bool = True) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.rule = rule
        self.close = close

    def in_full(self) -> str:
        """The reason with the rule behind it."""
        return f"{self.reason} ({self.rule})" if self.rule else self.reason


class UpstreamError(Exception):
    """An attempt that an endpoint failed.

    Args:
        phase: `connect`, `send`, `head` or `body`: how far the attempt had come.
        reason: for the log; never shown to the client.
        status: 502, or 504 where a deadline passed.
        unsent: nothing of the request can have been executed, so any method may be tried elsewhere.
        ours: we lack something (descriptors, memory); no endpoint is to blame, and none could help.
    """

    def __init__(self, phase: str, reason: str, *, status: int = 502, unsent: bool = False,
                 ours: bool = False) -> None:
        super().__init__(reason)
        self.phase = phase
        self.reason = reason
        self.status = status
        self.unsent = unsent
        self.ours = ours


def in_words(error: OSError) -> str:
    """What an operator wants to know of it, without the number and the call that failed."""
    if isinstance(error, socket.gaierror):
        return f"name not found: {error.strerror}"
    return os.strerror(error.errno).lower() if error.errno else str(error)
