"""Second opinions: what h11 and llhttp (as httptools) take octets for.

Each reads as many requests as it can and says whether it then met something that it refuses. Both
go on behind an upgrade or CONNECT as if it had been declined, which is what this proxy does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import h11
import httptools


@dataclass
class Message:
    """A request as one reader understood it; `whole` once its body has ended."""

    method: bytes = b""
    target: bytes = b""
    version: bytes = b""
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    whole: bool = False

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name]

    @property
    def gist(self):
        return self.method, self.target, self.body


@dataclass
class Reading:
    """What a reader made of a stream of requests.

    Attributes:
        messages: the whole ones, in order.
        refused: it would not read on.
        rest: octets of a message that is not whole.
    """

    messages: list[Message]
    refused: bool = False
    rest: bool = False


def by_h11(data: bytes) -> Reading:
    reading = Reading([])
    while data:
        message = Message()
        try:
            data = _h11_message(data, message)
        except h11.RemoteProtocolError:
            reading.refused = True
            return reading
        if not message.whole:
            reading.rest = True
            return reading
        reading.messages.append(message)
    return reading


def _h11_message(data: bytes, message: Message) -> bytes:
    """Read one request; returns what follows it."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            message.method, message.target, message.version = event.method, event.target, event.http_version
            message.fields = list(event.headers)
        elif isinstance(event, h11.Data):
            message.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            message.whole = True
            return connection.trailing_data[0]
        else:
            return b""  # NEED_DATA: the end of what there is


class _Collector:
    """llhttp's callbacks."""

    def __init__(self):
        self.messages: list[Message] = []
        self.current: Message | None = None
        self.parser = httptools.HttpRequestParser(self)

    def on_message_begin(self):
        self.current = Message()

    def on_url(self, url):
        self.current.target += url

    def on_header(self, name, value):
        self.current.fields.append((name, value))

    def on_headers_complete(self):
        self.current.method = self.parser.get_method()
        self.current.version = self.parser.get_http_version().encode()

    def on_body(self, data):
        self.current.body += data

    def on_message_complete(self):
        self.current.whole = True
        self.messages.append(self.current)
        self.current = None


def by_llhttp(data: bytes) -> Reading:
    reading = Reading([])
    while data:
        collector = _Collector()
        upgraded = None
        try:
            collector.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            upgraded = upgrade.args[0]
        except httptools.HttpParserError:
            reading.refused = True
        reading.messages += collector.messages
        reading.rest = collector.current is not None
        if upgraded is None:
            break
        data = data[upgraded:]
    return reading


def answer_by_h11(data: bytes, method: str = "GET", *, closed: bool = False) -> tuple[h11.Response, bytes,
    bytes]:
    """One response as h11's client reads it: its head, its body, and what is left over.

    Raises:
        h11.RemoteProtocolError: it is no whole response.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    if closed:
        connection.receive_data(b"")
    head, body = None, b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return head, body, connection.trailing_data[0]
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError(f"no whole response: {event}")
