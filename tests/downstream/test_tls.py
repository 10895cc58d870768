"""The layer by itself: a real client in memory, a transport that the test moves."""

import asyncio
import ssl

import pytest

from proxy.certificates import read
from proxy.downstream.tls import FIRST, NOT_HTTP, RECORD, Certificates, TlsLayer
from tests.authority import Authority
from tests.fakes import FakeTransport

NAMES = "shop.example", "*.wild.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def certificates_of(authority, *names_of_each):
    shown = [read(*authority.issue(*names, file=f"{number}")) for number, names in enumerate(names_of_each)]
    return Certificates([(one, one.context()) for one in shown])


@pytest.fixture(scope="module")
def certificates(authority):
    return certificates_of(authority, NAMES, ("other.example",))


class Above(asyncio.Protocol):
    """What an HTTP connection would be."""

    def __init__(self, *, stays=False, on_made=None):
        self.got = []
        self.told = []
        self._stays = stays
        self._on_made = on_made

    def connection_made(self, transport):
        self.transport = transport
        if self._on_made is not None:
            self._on_made(transport)

    def data_received(self, data):
        self.got.append(data)

    def eof_received(self):
        self.told.append("eof")
        return self._stays

    def pause_writing(self):
        self.told.append("pause")

    def resume_writing(self):
        self.told.append("resume")

    def connection_lost(self, exc):
        self.told.append("lost")


class Meeting:
    """A client and the layer. `step` octets at a time go to the layer; None: as they come."""

    def __init__(self, authority, certificates, above=None, *, name="shop.example", step=None, session=None,
                 window=None, context=None):
        self.above = above or Above()
        self.layer = TlsLayer(self.above, certificates)
        self.socket = FakeTransport(window=window)
        self.socket.protocol = self.layer
        self.step = step
        self.taken = 0
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = context or authority.client()
        self.client = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name, session=session)
        self.layer.connection_made(self.socket)

    def shake_hands(self):
        for _ in range(5):
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                self.to_layer()
                self.to_client()
            else:
                self.to_layer()
                self.to_client()
                return self
        raise AssertionError("no handshake comes about")

    def to_layer(self):
        self.feed(self.outgoing.read())

    def feed(self, data):
        step = self.step or len(data) or 1
        for at in range(0, len(data), step):
            self.layer.data_received(data[at:at + step])

    def to_client(self):
        new = bytes(self.socket.got[self.taken:])
        self.taken += len(new)
        if new:
            self.incoming.write(new)

    def say(self, data):
        self.client.write(data)
        self.to_layer()
        return b"".join(self.above.got)

    def hear(self):
        self.to_client()
        pieces = []
        while True:
            try:
                piece = self.client.read(1 << 16)
            except ssl.SSLWantReadError:
                return b"".join(pieces)
            except ssl.SSLZeroReturnError:
                piece = b""
            if not piece:
                return b"".join(pieces) + b"<bye>"
            pieces.append(piece)


@pytest.fixture(params=[None, 1])
def meeting(authority, certificates, request):
    return Meeting(authority, certificates, step=request.param).shake_hands()


def test_both_understand_each_other(meeting):
    assert meeting.say(b"GET / HTTP/1.1\r\n\r\n") == b"GET / HTTP/1.1\r\n\r\n"
    meeting.layer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    assert meeting.hear() == b"HTTP/1.1 200 OK\r\n\r\n"
    assert (meeting.client.version(), meeting.client.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")


def test_one_piece_comes_as_one(authority, certificates):
    meeting = Meeting(authority, certificates).shake_hands()
    body = bytes(range(256)) * 1000
    meeting.client.write(body)
    meeting.to_layer()
    assert meeting.above.got == [body]


def test_long_answers(meeting):
    body = bytes(range(256)) * 1000
    meeting.layer.writelines((b"head", memoryview(body), b""))
    assert meeting.hear() == b"head" + body


def test_small_ones_are_one_record_and_one_write(authority, certificates):
    meeting = Meeting(authority, certificates).shake_hands()
    writes = []
    meeting.socket.write = writes.append
    meeting.layer.write(b"x" * RECORD)
    assert len(writes) == 1
    assert len(writes[0]) < RECORD + 64


@pytest.mark.parametrize(("name", "shown"), [
    ("shop.example", "shop.example"), ("SHOP.Example", "shop.example"), ("other.example", "other.example"),
    ("a.wild.example", "shop.example"), ("nobody.example", "shop.example"), (None, "shop.example"),
    ("a.b.wild.example", "shop.example"),
])
def test_the_certificate_is_the_one_for_the_name(authority, certificates, name, shown):
    context = authority.client()
    context.check_hostname = False
    meeting = Meeting(authority, certificates, name=name, context=context).shake_hands()
    assert meeting.client.getpeercert()["subjectAltName"][0] == ("DNS", shown)


def test_a_wildcard_stands_for_one_label(certificates):
    first = certificates.find(None)
    other = certificates.find("other.example")
    assert first is not other
    assert certificates.find("other.example.") is other
    swapped = Certificates.__new__(Certificates)
    swapped._first, swapped._by_name = other, {"*.wild.example": first}
    assert swapped.find("a.wild.example") is first
    assert swapped.find("a.b.wild.example") is other
    assert swapped.find("wild.example") is other


def test_a_client_resumes_with_another_certificate_too(authority, certificates):
    """Tickets are the machine's: a renewal costs nobody a full handshake."""
    context = authority.client()
    before = Meeting(authority, certificates, context=context).shake_hands()
    before.layer.write(b"x")
    before.hear()
    renewed = certificates_of(authority, NAMES)
    after = Meeting(authority, renewed, context=context, session=before.client.session).shake_hands()
    assert after.client.session_reused


def test_old_versions_are_refused(authority, certificates):
    context = authority.client()
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        Meeting(authority, certificates, context=context).shake_hands()


def test_nothing_is_negotiated_anew():
    assert FIRST.options & ssl.OP_NO_RENEGOTIATION
    assert FIRST.options & ssl.OP_NO_COMPRESSION


def test_who_speaks_http_is_told(authority, certificates):
    meeting = Meeting(authority, certificates)
    meeting.feed(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    assert bytes(meeting.socket.sent) == NOT_HTTP
    assert meeting.socket.closing
    meeting.socket.loop.run()
    assert meeting.above.told == ["lost"]
    head, _, body = NOT_HTTP.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head


@pytest.mark.parametrize("junk", [b"\0" * 50, b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70_000])
def test_what_is_no_tls_is_closed(authority, certificates, junk):
    meeting = Meeting(authority, certificates)
    meeting.feed(junk)
    assert meeting.socket.closing
    assert meeting.above.got == []


def test_a_record_that_was_changed(meeting):
    meeting.client.write(b"GET /")
    data = bytearray(meeting.outgoing.read())
    data[-1] ^= 1
    meeting.feed(bytes(data))
    assert meeting.socket.closing
    assert meeting.above.got == []


def test_nothing_gets_through_before_the_handshake_has_ended(authority, certificates):
    """CVE-2026-1642: what is injected before it is no part of what the client says."""
    meeting = Meeting(authority, certificates)
    with pytest.raises(ssl.SSLWantReadError):
        meeting.client.do_handshake()
    hello = meeting.outgoing.read()
    meeting.feed(hello + b"GET /injected HTTP/1.1\r\n\r\n")
    assert meeting.above.got == []
    assert meeting.socket.closing


# What is said early.

def test_what_is_written_early_waits(authority, certificates):
    meeting = Meeting(authority, certificates, Above(on_made=lambda transport: transport.write(b"429")))
    assert (bytes(meeting.socket.sent), meeting.layer.get_write_buffer_size()) == (b"", 3)
    meeting.shake_hands()
    assert (meeting.hear(), meeting.layer.get_write_buffer_size()) == (b"429", 0)


def test_an_early_end_waits_too(authority, certificates):
    def turn_away(transport):
        transport.write(b"429")
        transport.write_eof()

    meeting = Meeting(authority, certificates, Above(on_made=turn_away))
    assert not meeting.socket.ended
    meeting.shake_hands()
    assert meeting.hear() == b"429<bye>"
    assert meeting.socket.ended


def test_an_early_close_does_not_wait(authority, certificates):
    meeting = Meeting(authority, certificates)
    meeting.layer.close()
    assert (meeting.socket.closing, bytes(meeting.socket.sent)) == (True, b"")


# Ends.

def test_we_say_goodbye_once(meeting):
    meeting.layer.write(b"last")
    meeting.layer.close()
    assert meeting.hear() == b"last<bye>"
    assert meeting.socket.closing
    meeting.layer.close()
    meeting.layer.write(b"more")
    meeting.socket.loop.run()
    assert meeting.above.told == ["lost"]


def test_a_half_close_leaves_the_clients_half_open(authority, certificates):
    meeting = Meeting(authority, certificates, Above(stays=True)).shake_hands()
    meeting.layer.write_eof()
    meeting.layer.write_eof()
    assert (meeting.hear(), meeting.socket.ended, meeting.socket.closing) == (b"<bye>", True, False)
    assert meeting.say(b"still here") == b"still here"


def test_a_half_close_from_both_sides(authority, certificates):
    meeting = Meeting(authority, certificates, Above(stays=True)).shake_hands()
    meeting.layer.write_eof()
    assert meeting.hear() == b"<bye>"
    meeting.client.unwrap()
    meeting.to_layer()
    assert (meeting.above.told, meeting.socket.closing) == (["eof"], False)


@pytest.mark.parametrize("stays", [True, False])
def test_the_clients_goodbye(authority, certificates, stays):
    meeting = Meeting(authority, certificates, Above(stays=stays)).shake_hands()
    meeting.client.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        meeting.client.unwrap()
    meeting.to_layer()
    assert meeting.above.got == [b"last"]
    meeting.socket.loop.run()
    assert meeting.above.told == (["eof"] if stays else ["eof", "lost"])
    assert meeting.socket.closing is not stays
    meeting.feed(b"what comes after it")
    assert meeting.above.got == [b"last"]
    if stays:
        meeting.layer.write(b"bye")
        assert meeting.hear() == b"bye"


def test_an_end_without_goodbye(meeting):
    assert meeting.layer.eof_received() is False
    assert meeting.above.told == ["eof"]


def test_a_lost_connection_is_written_to_no_more(meeting):
    meeting.socket.abort()
    meeting.socket.loop.run()
    assert meeting.above.told == ["lost"]
    sent = len(meeting.socket.sent)
    meeting.layer.write(b"x")
    assert len(meeting.socket.sent) == sent


# Flow, and what is passed on.

def test_flow_control_is_the_sockets(authority, certificates):
    meeting = Meeting(authority, certificates).shake_hands()
    meeting.layer.set_write_buffer_limits(high=0)
    meeting.socket.window = 0
    meeting.layer.write(b"x" * 1000)
    assert meeting.above.told == ["pause"]
    assert meeting.layer.get_write_buffer_size() > 1000
    meeting.layer.resume_writing()
    assert meeting.above.told == ["pause", "resume"]


def test_reading_is_the_sockets(meeting):
    meeting.layer.pause_reading()
    assert (meeting.layer.is_reading(), meeting.socket.reading) == (False, False)
    meeting.layer.resume_reading()
    assert (meeting.layer.is_reading(), meeting.socket.reading) == (True, True)


def test_another_protocol_goes_on(meeting):
    tunnel = Above()
    meeting.layer.set_protocol(tunnel)
    meeting.say(b"frames")
    assert (meeting.above.got, b"".join(tunnel.got)) == ([], b"frames")


def test_it_says_that_it_is_tls(meeting):
    assert meeting.layer.get_extra_info("sslcontext") is FIRST  # also when it is over: see `sendfile`
    assert meeting.layer.get_extra_info("nothing", 7) == 7
    assert meeting.layer.can_write_eof()
    assert not meeting.layer.is_closing()
    meeting.layer.abort()
    assert meeting.socket.aborted
