"""One address in a pool: its counters, its standing, and the connections kept open to it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from proxy.observe.counters import EndpointTally
from proxy.upstream.idle import IdleLimit

if TYPE_CHECKING:
    from proxy.upstream.h1 import UpstreamConnection


CANARIES = 3   # idle connections that are left alone until one sees when they are closed
LATENCY_PART = 0.1  # of a new sample in the latency
PLAIN = 0, 100  # rank and percent of an address that no SRV record says otherwise of
LEAVING = 3.0  # seconds; gunicorn serves kept connections for 2 more when it stops, and new ones no more


class Order(Enum):
    """What the operator wants of an endpoint."""

    READY = "ready"        # to work
    DRAIN = "drain"        # to finish what runs, and to go on with the clients that are stuck to it
    DISABLED = "disabled"  # to finish what runs


class Signs:
    """Until when (monotonic seconds) some endpoint of a pool may be leaving."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = 0.0


class Endpoint:
    """What is known of an address; outlives every exchange with it.

    Args:
        name: the address as configured; in logs, and the identity that strategies hash.
        host, port: where it is; (path, None) for a Unix socket.
        share: its weight as configured.
        idle_limit: how many seconds a connection may be idle and still be used.
        most_idle: connections kept for reuse.
        most: exchanges it may work on at a time; 0 for no limit.
        priority: endpoints of a higher number are used while there is none of a lower one.
        origin: as configured; differs from `name` for one of the addresses of a name.

    Attributes:
        weight: what strategies go by; less than the share while it warms up.
        group: the priority, and within it the rank among the addresses of its name; lower ones first.
        percent: of the share, for an address that shares a name with others (RFC 2782).
        name_order, name_share: what the operator wants of its whole name, also of addresses to come.
        in_flight: exchanges it works on now, in all workers; of the others' a look that is some milliseconds
            old (see `flights`).
        tally: what is counted of it.
        latency: seconds to the response's head, recent ones counting most; 0.0 while nothing is known.
        idle: connections ready for the next exchange, the freshest last.
        scout: a connection that is used no more, to see how long the endpoint keeps it (see `idle`).
        leaving_until: it closes what it used to keep, as servers do that are about to stop; until then
            (monotonic seconds), or until a new connection is served, most goes elsewhere. 0.0 mostly.
        tested_until: until then one exchange finds out, over a new connection.
        signs: of its pool.

    Its standing, each part cleared by the pool when it is over:
        order: what the operator wants.
        probe_failure: why active checks call it down; empty while they do not.
        refusals, down_until: connects that failed in a row; it rests until then (0.0: does not).
        ejections, ejected_until: the same for ejection from real traffic.
        warm_from: since when its share grows; 0.0 when it has all of it.
        why, since: the last change of its standing in words, and when that was (seconds since 1970).
        trial_from: since when it is back from a rest or an ejection without having answered well (see
            `try_out`); 0.0 mostly.

    What real traffic says (see `ejection`):
        answers, errors: recent ones; both fade.
        failures, failed_at: failures in a row, and when the last one was, or its last ejection over.
    """

    __slots__ = (
        "_most_idle", "answers", "down_until", "ejected_until", "ejections", "errors", "failed_at",
        "failures", "group", "host", "idle", "idle_limit", "in_flight", "keeps", "latency",
        "leaving_until", "most", "name", "name_order", "name_share", "order", "origin", "percent",
        "port", "priority", "probe_failure", "refusals", "scout", "share", "signs", "since", "tally",
        "tested_until", "trial_from", "warm_from", "weight", "why")

    def __init__(self, name: str, host: str, port: int | None, share: int, idle_limit: IdleLimit,
                 most_idle: int, *, most: int = 0, priority: int = 0, origin: str = "") -> None:
        self.name = name
        self.origin = origin or name
        self.host = host
        self.port = port
        self.share = self.name_share = self.weight = share
        self.most = most
        self.priority = priority
        rank, self.percent = PLAIN
        self.group = priority, rank
        self.in_flight = 0
        self.tally = EndpointTally(0)  # its pool gives it another
        self.latency = 0.0
        self.idle: list[UpstreamConnection] = []
        self.scout: UpstreamConnection | None = None
        self.idle_limit = idle_limit
        self._most_idle = most_idle
        self.keeps = False
        self.leaving_until = self.tested_until = 0.0
        self.signs = Signs()
        self.order = self.name_order = Order.READY
        self.trial_from = 0.0
        self.probe_failure = self.why = ""
        self.since = 0.0
        self.refusals = self.ejections = self.failures = 0
        self.down_until = self.ejected_until = self.warm_from = self.failed_at = 0.0
        self.answers = self.errors = 0.0

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}>"

    def sibling(self, name: str, host: str, port: int) -> Endpoint:
        """Another address of the same configured name, with the same settings."""
        sibling = Endpoint(name, host, port, self.name_share, self.idle_limit.anew(), self._most_idle,
                           most=self.most, priority=self.priority, origin=self.origin)
        sibling.order = sibling.name_order = self.name_order
        return sibling

    def settle(self, fresh: Endpoint, *, share: bool) -> None:
        """Take over what the configuration says by now.

        Args:
            share: the weight, too; else the operator's word on it holds.
        """
        if share:
            self.share = self.name_share = fresh.share
        if not self.idle_limit.has_most(fresh.idle_limit):
            self.idle_limit = fresh.idle_limit.anew()  # one for each of the addresses of a name
        self.most, self._most_idle = fresh.most, fresh._most_idle
        self.priority, self.group = fresh.priority, (fresh.priority, self.group[1])

    def is_available(self) -> bool:
        """Whether nothing speaks against a new exchange; that it may be full is another matter."""
        return (self.order is Order.READY and not self.probe_failure
                and not self.down_until and not self.ejected_until)

    def keeps_clients(self) -> bool:
        """Whether those that are stuck to it shall stay: nothing speaks against it, but that it may drain."""
        return (self.order is not Order.DISABLED and not self.probe_failure
                and not self.down_until and not self.ejected_until)

    def take_idle(self, now: float) -> UpstreamConnection | None:
        """A connection that was open a moment ago and will be for another one, or None."""
        while self.idle:
            connection = self.idle.pop()
            if self._is_left(connection, now):
                return connection
        return None

    def take_young(self, now: float) -> UpstreamConnection | None:
        """The freshest idle connection, if what must not be lost may go over it (LIFECYCLE, "An attempt")."""
        if not self.idle or now < self.leaving_until:
            return None
        if not self.idle_limit.is_young(now - self.idle[-1].idle_since, now):
            return None
        connection = self.idle.pop()
        return connection if self._is_left(connection, now) else None

    def _is_left(self, connection: UpstreamConnection, now: float) -> bool:
        """Whether a connection that was idle can be used; what is learned if it was closed."""
        if connection.is_usable(now):
            return True
        if now < connection.deadline:
            self.lost_idle(connection, now)  # the loop has yet to tell
        connection.discard()
        return False

    def lost_idle(self, connection: UpstreamConnection, now: float) -> None:
        """It closed an idle connection, sooner than it should, or a scout."""
        age = now - connection.idle_since
        if connection is self.scout:
            self.idle_limit.kept_for(age, now)
        else:
            self.idle_limit.closed_at(age, now)
            self._leaves(now)
        self.forget(connection)

    def overdue(self, connection: UpstreamConnection, now: float) -> None:
        """It has been idle for as long as it may: it is closed, or left alone as a scout."""
        if self.scout is None and self.idle_limit.is_doubtful(now):
            self.forget(connection)
            self.scout = connection
            connection.deadline = connection.idle_since + self.idle_limit.longest_watch
            return
        if connection is self.scout:
            self.idle_limit.kept_for(now - connection.idle_since, now)
        connection.discard()

    def will_close(self, now: float) -> None:
        """A response said so; where others were kept, that is what a server says that stops."""
        if self.keeps:
            self._leaves(now)

    def _leaves(self, now: float) -> None:
        if now >= self.leaving_until:
            self.leaving_until = self.signs.until = now + LEAVING
            self.tested_until = 0.0

    def test(self, now: float) -> None:
        """A new connection is opened: where it is not known what that is good for, the next one waits.

        While it seems to leave, until this one has worked; on trial at most for `LEAVING` seconds, as an
        answer may take long.
        """
        if self.trial_from:
            self.tested_until = self.leaving_until = self.signs.until = now + LEAVING
        elif now < self.leaving_until:
            self.tested_until = self.leaving_until

    def try_out(self, now: float) -> None:
        """It is back, but nobody knows whether it works: one exchange finds out, others go elsewhere."""
        self.trial_from = now
        self.leaving_until = self.signs.until = now + LEAVING
        self.tested_until = 0.0
        self.close_idle()

    def took(self, seconds: float) -> None:
        """To the head of an answer."""
        known = self.latency
        self.latency = known + LATENCY_PART * (seconds - known) if known else seconds

    def works(self) -> None:
        """It has answered well."""
        self.failures = 0
        if self.trial_from:
            self.trial_from = self.leaving_until = 0.0

    def keep(self, connection: UpstreamConnection) -> bool:
        """Take back a connection after an exchange; False when there are enough, or it shall have no more."""
        self.keeps = True
        if self.leaving_until and connection.opened_at > self.leaving_until - LEAVING:
            self.leaving_until = 0.0  # it has served a new one
        if len(self.idle) >= self._most_idle or self.order is Order.DISABLED:
            return False
        self.idle.append(connection)
        return True

    def keep_none(self) -> None:
        """It works on, but nothing is kept for later."""
        self._most_idle = 0
        self.close_idle()

    def make_room(self) -> None:
        """For a connection that was opened though one was idle: the oldest goes, so that their number stays.

        While it is not known how long the endpoint keeps them, a few are left to show it.
        """
        at = 0 if self.idle_limit.known else CANARIES
        if len(self.idle) > at:
            self.idle[at].discard()

    def close_oldest(self) -> bool:
        """Close the connection that was idle for longest; False where none is."""
        if not self.idle:
            return False
        self.idle.pop(0).discard()
        return True

    def forget(self, connection: UpstreamConnection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)
        elif connection is self.scout:
            self.scout = None

    def close_idle(self) -> None:
        idle, self.idle = self.idle, []
        for connection in (*idle, self.scout):
            if connection is not None:
                connection.discard()
