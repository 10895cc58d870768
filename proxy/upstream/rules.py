"""What a configuration says about a pool, copied out of it."""

from __future__ import annotations

from collections.abc import Collection

from proxy.upstream.ejection import Ejection
from proxy.upstream.pace import Pace
from proxy.upstream.queue import Queue
from proxy.upstream.retry import NO_RETRY, Retry
from proxy.upstream.sticky import Sticky


class PoolTimeouts:
    """Seconds; see `timeouts` in CONFIG."""

    __slots__ = ("connect", "response_body", "response_head", "tunnel")

    def __init__(self, *, connect: float, response_head: float, response_body: float, tunnel: float) -> None:
        self.connect = connect
        self.response_head = response_head
        self.response_body = response_body
        self.tunnel = tunnel

    def become(self, new: PoolTimeouts) -> None:
        """Connections that are kept go by these, too."""
        self.connect, self.response_head = new.connect, new.response_head
        self.response_body, self.tunnel = new.response_body, new.tunnel


class PoolRules:
    """What a pool does about endpoints that fail or are full; each part may be absent.

    Args:
        hedge: the pool's pace where slow attempts shall have a rival.
        timed: whether `Endpoint.latency` is kept, because the strategy reads it.
        slow_start: seconds in which a returning endpoint gets back its share.
        public: host names that the site itself is asked for, in lower case.
    """

    __slots__ = ("ejection", "hedge", "public", "queue", "retry", "slow_start", "sticky", "timed")

    def __init__(self, *, ejection: Ejection | None = None, retry: Retry = NO_RETRY,
                 queue: Queue | None = None, sticky: Sticky | None = None, slow_start: float = 0.0,
                 hedge: Pace | None = None, timed: bool = False, public: Collection[str] = ()) -> None:
        self.ejection = ejection
        self.retry = retry
        self.queue = queue
        self.sticky = sticky
        self.slow_start = slow_start
        self.hedge = hedge
        self.timed = timed or hedge is not None
        self.public = public
