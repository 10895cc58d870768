"""An UpstreamConnection between a fake transport and an attempt that notes what it is told."""

import socket

from proxy.clock import DeadlineWheel
from proxy.upstream.answer import AnswerMemo
from proxy.upstream.disguise import Disguise
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.idle import IdleLimit
from proxy.upstream.rules import PoolTimeouts
from tests.fakes import FakeLoop, FakeTransport

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD_TIMEOUT, BODY_TIMEOUT, IDLE_TIMEOUT = 60.0, 50.0, 55.0
TIMEOUTS = PoolTimeouts(connect=5.0, response_head=HEAD_TIMEOUT, response_body=BODY_TIMEOUT, tunnel=3600.0)


class FakeAttempt:
    """Notes the calls in `told`; `body` is what came of the response's."""

    def __init__(self):
        self.told = []
        self.head = None
        self.body = b""
        self.trailers = None
        self.error = None
        self.received = None
        self.interims = []
        self.surplus = b""

    def answer_interim(self, head):
        self.interims.append(head.status)

    def answer_whole(self, head, body):
        self.told.append("whole")
        self.head, self.body = head, body

    def answer_head(self, head, data):
        self.told.append("head")
        self.head = head
        self.body += data

    def answer_data(self, data):
        self.body += data

    def answer_end(self, trailers):
        self.told.append("end")
        self.trailers = trailers

    def answer_upgrade(self, head, surplus):
        self.told.append("upgrade")
        self.head, self.surplus = head, surplus

    def answer_failed(self, error, *, received):
        self.told.append("failed")
        self.error, self.received = error, received

    def endpoint_slow(self):
        self.told.append("slow")

    def endpoint_fast(self):
        self.told.append("fast")

    @property
    def complete(self):
        return self.told[-1:] in (["whole"], ["end"])


class Upstream:
    """Everything around one connection; `serve` is the endpoint sending."""

    def __init__(self, clock, *, window=None, most_idle=8):
        self.clock = clock
        self.loop = FakeLoop()
        self.wheel = DeadlineWheel(self.loop)
        self.endpoint = Endpoint("127.0.0.1:9", "127.0.0.1", 9, 1, IdleLimit(IDLE_TIMEOUT), most_idle)
        self.near, self.far = socket.socketpair()
        memo = AnswerMemo(Disguise([("127.0.0.1", 9)]))
        self.connection = UpstreamConnection(self.endpoint, memo, TIMEOUTS, self.wheel, self.near)
        self.transport = FakeTransport(self.loop, window=window)
        self.transport.connect(self.connection)

    def ask(self, request=REQUEST, body=None, *, head_only=False):
        attempt = FakeAttempt()
        self.connection.send(attempt, request, body, self.clock.now, head_only=head_only)
        return attempt

    def serve(self, *pieces):
        for piece in pieces:
            self.transport.feed(piece)

    def wait(self, seconds):
        self.clock.advance(seconds)
        self.wheel.expire(self.clock.now)
        self.loop.run()

    @property
    def kept(self):
        return self.endpoint.idle == [self.connection]

    def close(self):
        self.near.close()
        self.far.close()
