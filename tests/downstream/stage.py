"""An H1Connection between a fake transport and a runtime that hands its exchanges to the test."""

from proxy.clock import WALL, DeadlineWheel
from proxy.downstream import connection, h1, h1_exchange
from proxy.downstream.h1 import H1Connection
from proxy.downstream.kept import KeptAnswers
from proxy.downstream.switch import Settings, Switch
from proxy.http.peer import Peer
from proxy.http.prepared import ResponseHead
from proxy.observe.counters import Counters
from proxy.observe.past import Past
from proxy.wire.h1 import LineMemo
from proxy.wire.headers import HeaderMemo
from tests.fakes import FakeClock, FakeLoop, FakeTransport

HEAD_TIMEOUT, BODY_TIMEOUT, KEEP_ALIVE, SEND_TIMEOUT = 10.0, 30.0, 75.0, 40.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def outcomes(exchanges):
    """What came of exchanges, or of what is kept of them."""
    return [(each.headers, each.started, each.status, each.sent) for each in exchanges]


def frozen(monkeypatch):
    """The clock of all client connections, which stands still until told otherwise."""
    clock = FakeClock()
    for room in (connection, h1, h1_exchange):
        monkeypatch.setattr(room, "monotonic", clock)
    monkeypatch.setattr(WALL, "date_line", b"Date: now\r\n")
    return clock


class FakeLog:
    def __init__(self):
        self.exchanges = []
        self.refusals = []

    def ended(self, entry):
        self.exchanges.append(Past(entry))

    def refused(self, address, status, start):
        self.refusals.append((address, status, start))


class FakeRuntime:
    """Hands every exchange to `handle`, a function of the test; keeps them in `exchanges`."""

    def __init__(self, **changes):
        settings = {
            "head_timeout": HEAD_TIMEOUT, "body_timeout": BODY_TIMEOUT, "keep_alive_timeout": KEEP_ALIVE,
            "send_timeout": SEND_TIMEOUT, "head_limit": 1024, "body_memory": 1000, "body_file": 5000,
            "directory": None}
        self.settings = Settings(**{**settings, **changes})
        self.headers = HeaderMemo(20)
        self.lines = LineMemo()
        self.kept = KeptAnswers()
        self.remembers = lambda exchange: True
        self.log = FakeLog()
        self.counters = Counters()
        self.exchanges = []
        self.answer = None  # called with each exchange

    def handle(self, exchange):
        exchange.body_limit = 10_000
        self.exchanges.append(exchange)
        if self.answer is not None:
            self.answer(exchange)


class FakeListener:
    def __init__(self, runtime, loop):
        self.loop = loop
        self.switch = Switch(runtime, DeadlineWheel(loop))
        self.draining = False
        self.connections = []

    def opened(self, connection):
        self.connections.append(connection)

    def closed(self, connection):
        if connection in self.connections:
            self.connections.remove(connection)


class Stage:
    """Everything around one connection; `send` is the client, `got` is what it has received since."""

    def __init__(self, clock, *, window=None, half=True, answer=None, trusted=False, **settings):
        self.clock = clock
        self.loop = FakeLoop()
        self.runtime = FakeRuntime(**settings)
        self.runtime.answer = answer
        self.listener = FakeListener(self.runtime, self.loop)
        peer = Peer("192.0.2.7", 8080, "http", b"front:8080", lambda address: trusted)
        self.connection = H1Connection(self.listener, peer)
        self.transport = FakeTransport(self.loop, window=window, half=half)
        self.transport.connect(self.connection)

    def send(self, *pieces):
        for piece in pieces:
            self.transport.feed(piece)

    def got(self):
        return self.transport.answer()

    @property
    def exchanges(self):
        return self.runtime.exchanges

    @property
    def exchange(self):
        return self.runtime.exchanges[-1]

    @property
    def log(self):
        return self.runtime.log

    @property
    def watched(self):
        return self.connection in self.listener.switch.wheel._watched

    def wait(self, seconds):
        """Let time pass, as the wheel sees it."""
        self.clock.advance(seconds)
        self.listener.switch.wheel.expire(self.clock.now)
        self.loop.run()


class Producer:
    """A responder that notes what it was told."""

    def __init__(self):
        self.told = []

    def pause(self):
        self.told.append("pause")

    def resume(self):
        self.told.append("resume")

    def client_gone(self):
        self.told.append("gone")


class Reader:
    """Whoever reads a request's body."""

    def __init__(self):
        self.data = b""
        self.trailers = None

    def body_data(self, data):
        assert self.trailers is None, "data after the end"
        self.data += data

    def body_end(self, trailers):
        assert self.trailers is None, "a second end"
        self.trailers = trailers

    def body_ready(self, body):
        self.body = body


def head(status=200, length=None, fields=()):
    return ResponseHead.make(status, fields, length)


def hello(exchange):
    exchange.respond(head(length=5), b"hello")


def ways(data):
    """The two ways that every test of a parser feeds its input."""
    return [data], [data[at:at + 1] for at in range(len(data))]
