"""A load of marked requests by careful clients, and what became of each of them.

A careful client looks for the end of an idle connection before it uses it again, takes a visibly cut
answer for a failure that it has noticed, and believes no answer without its own mark. h11 judges the
answers, so "complete" is not an opinion of ours.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter

import h11

from tests.faults.chaos import body_of

WAIT = 20.0  # seconds for any one answer

# What may become of a request. `unanswered`: a new connection was closed without an octet. `raced`: a
# kept one was; then a client sends the request again on a new connection, and that is what counts.
OK, STATUS, CUT, WRONG, LATE = "ok", "status", "cut", "wrong", "late"
REFUSED, UNANSWERED, RACED = "refused", "unanswered", "raced"

_numbers = itertools.count(1)


def new_mark(word="m"):
    return f"{word}{next(_numbers)}"


@dataclass
class Ask:
    """A request to be; `size` and `query` are for the origin."""

    method: str = "GET"
    query: str = ""
    size: int = 0
    body: bytes = b""
    mark: str = field(default_factory=new_mark)

    def bytes(self):
        query = f"size={self.size}&{self.query}" if self.size else self.query
        lines = [f"{self.method} /load?{query} HTTP/1.1", "Host: a.example", f"X-Mark: {self.mark}"]
        if self.method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def half_posts(seed, query=""):
    """What makes GETs and POSTs, by chance."""
    chance = random.Random(seed)

    def make():
        if chance.random() < 0.5:
            return Ask(query=query)
        return Ask("POST", query=query, body=bytes(chance.randrange(100, 2000)))

    return make


@dataclass
class Outcome:
    """What became of one request.

    `due`, `sent` and `ended` are times of `perf_counter`; `status` is 0 where no head came; `patience`
    is what a refusal says in Retry-After.
    """

    ask: Ask
    kind: str
    due: float
    sent: float
    ended: float
    status: int = 0
    origin: str = ""
    why: str = ""
    patience: str = ""

    @property
    def seconds(self):
        return self.ended - self.due


class Client:
    """One connection, opened when it is needed."""

    def __init__(self, place):
        self.place = place
        self.sock = None
        self.used = False
        self.loop = asyncio.get_running_loop()

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    async def connect(self):
        self.sock = socket.socket(socket.AF_UNIX if isinstance(self.place, str) else socket.AF_INET)
        self.sock.setblocking(False)
        self.used = False
        await self.loop.sock_connect(self.sock, self.place)

    async def send(self, data):
        await self.loop.sock_sendall(self.sock, data)

    async def receive(self):
        return await self.loop.sock_recv(self.sock, 262144)

    def ended(self):
        """Whether the idle connection is closed, or has octets that nobody asked for."""
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    async def ask(self, ask, due=None):
        """Send it and judge the answer."""
        now = perf_counter()
        outcome = Outcome(ask, OK, due or now, now, 0.0)
        try:
            async with asyncio.timeout(WAIT):
                await self._ask(ask, outcome)
        except TimeoutError:
            outcome.kind = LATE
        except OSError as error:
            outcome.kind, outcome.why = REFUSED, str(error)
        outcome.ended = perf_counter()
        if outcome.kind not in (OK, STATUS):
            self.close()
        return outcome

    async def _ask(self, ask, outcome):
        if self.sock is not None and self.ended():
            self.close()
        if self.sock is None:
            await self.connect()
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=ask.method, target="/", headers=[("Host", "a.example")]))
        parser.send(h11.EndOfMessage())
        self.octets = 0
        try:
            await self.send(ask.bytes())
        except OSError:
            pass  # the answer may be there all the same
        try:
            head, body = await self._answer(parser)
        except (OSError, h11.RemoteProtocolError) as error:
            outcome.kind = CUT if self.octets else RACED if self.used else UNANSWERED
            outcome.why = str(error)
            outcome.origin = self.origin
            return
        self.used = True
        self._judge(ask, outcome, head, body)
        if parser.their_state is not h11.DONE:
            self.close()

    async def _answer(self, parser):
        """The head and the whole body; h11 raises where it is not whole."""
        head, body = None, []
        self.origin = ""
        while not isinstance(event := await self._event(parser), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                head = event
                self.origin = dict(event.headers).get(b"x-origin", b"").decode()
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("closed without an answer")
        return head, b"".join(body)

    async def _event(self, parser):
        while (event := parser.next_event()) is h11.NEED_DATA:
            data = await self.receive()
            self.octets += len(data)
            parser.receive_data(data)
        return event

    def _judge(self, ask, outcome, head, body):
        fields = dict(head.headers)
        outcome.status = head.status_code
        outcome.origin = fields.get(b"x-origin", b"").decode()
        if head.status_code >= 500 and fields.get(b"x-mark") in (None, ask.mark.encode()):
            outcome.kind = STATUS  # of the proxy's own, or of the application's
            outcome.patience = fields.get(b"retry-after", b"").decode()
        elif fields.get(b"x-mark") != ask.mark.encode() or body != self._due_body(ask, head):
            outcome.kind = WRONG
            outcome.why = f"{head.status_code} {head.headers!r} {body[:80]!r}"

    def _due_body(self, ask, head):
        return b"" if ask.method == "HEAD" or head.status_code == 204 else body_of(ask.mark, ask.size)


class Load:
    """`connections` clients that ask `rate` times a second in all, from `start` to `stop`.

    A request that is due while its connection is still busy counts from when it was due, so that a
    stall shows in every request that it held up. Without a rate each client asks as soon as it can.
    """

    def __init__(self, place, make=Ask, *, rate=300, connections=20):
        self.place = place
        self.make = make
        self.rate = rate
        self.connections = connections
        self.outcomes: list[Outcome] = []
        self._tasks = []
        self._stopping = False

    async def __aenter__(self):
        now = perf_counter()
        self._tasks = [asyncio.create_task(self._run(now, number)) for number in range(self.connections)]
        return self

    async def __aexit__(self, *_):
        """Let what runs come to its end."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    def client(self):
        return Client(self.place)

    async def _run(self, start, number):
        client = self.client()
        pause = self.connections / self.rate if self.rate else 0
        due = start + pause * number / self.connections
        while not self._stopping:
            if pause:
                await asyncio.sleep(due - perf_counter())
                if self._stopping:
                    break
            outcome = await client.ask(self.make(), due if pause else None)
            if outcome.kind == RACED:
                self.outcomes.append(outcome)
                outcome = await client.ask(outcome.ask)
            self.outcomes.append(outcome)
            if outcome.kind == REFUSED:
                await asyncio.sleep(0.02)
            due = max(due + pause, perf_counter() - pause)
        client.close()

    async def more(self, count):
        """Wait for `count` more outcomes; returns them."""
        first = len(self.outcomes)
        await reached(lambda: len(self.outcomes) >= first + count or self._broken(), 60)
        return self.outcomes[first:]

    def _broken(self):
        """Raises what a client died of: a defect of the test, not a failure of the proxy."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()


async def reached(is_true, patience=WAIT):
    """For what cannot be waited on otherwise."""
    async with asyncio.timeout(patience):
        while not is_true():  # noqa: ASYNC110  # what it looks at is mostly in another process
            await asyncio.sleep(0.005)


def counts(outcomes):
    return Counter(outcome.kind for outcome in outcomes)


def calm_p99(outcomes):
    """The lowest 99 % time of three parts: what lasts shows in each, a hiccup of the machine does not."""
    size = len(outcomes) // 3
    return min(quantile(outcomes[at:at + size], 0.99) for at in range(0, 3 * size, size))


class Beside:
    """How long others wait: before the fault, beside it, and beside it without the proxy.

    The last one shows what the machine and this very process do at that time.
    """

    def __init__(self, before, beside, control):
        self.before, self.beside, self.control = (calm_p99(some) for some in (before, beside, control))

    def __str__(self):
        figures = (1000 * one for one in (self.before, self.beside, self.control))
        return "p99 of others {:.1f} -> {:.1f} ms (without the proxy {:.1f})".format(*figures)

    @property
    def unharmed(self):
        return self.beside < 1.5 * max(self.before, self.control) + 0.03


def quantile(outcomes, part):
    """Seconds within which so large a part of the answers was there."""
    times = sorted(outcome.seconds for outcome in outcomes)
    return times[min(len(times) - 1, int(len(times) * part))] if times else 0.0
