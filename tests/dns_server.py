"""A small nameserver, UDP and TCP on one port of 127.0.0.1, that answers as a test wants, well or badly.

    with DnsServer() as dns:
        dns.put("app.internal", "A", "10.0.0.1", "10.0.0.2", ttl=1)
        os.environ["PROXY_DNS"] = dns.address

What is not there is denied, with an SOA that lets a cache remember that for an hour. It lives in
threads of its own, so that blocking tests and event loops may use it alike.
"""

from __future__ import annotations

import socketserver
import threading
from contextlib import ExitStack, contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SOA = "ns.internal. admin.internal. 1 3600 3600 3600 3600"
POLL = 0.02  # seconds until a server sees that it is to end


class Udp(socketserver.UDPServer):
    max_packet_size = 65535


class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class DnsServer:
    """What there is to look at: `address`, and `asked`, a list of (name, type, "udp" or "tcp")."""

    def __init__(self):
        self.asked = []
        self._news = threading.Condition()
        self._records = {}  # (name, type): (ttl, values)
        self._rcodes = {}
        self._silent = set()
        self._ending = ExitStack()

    # -- what it says

    def put(self, name, kind, *values, ttl=60):
        """The records of a name from now on; a CNAME is followed."""
        self._records[name, kind] = (ttl, values)

    def drop(self, name):
        """There is no such name any more."""
        self._records = {key: value for key, value in self._records.items() if key[0] != name}

    def fail(self, name, rcode="SERVFAIL", kind=None):
        """Questions for the name (of that type) get an error."""
        self._rcodes[name, kind] = rcode

    def silence(self, name, kind=None):
        """Questions for the name (of that type) get no answer."""
        self._silent.add((name, kind))

    def mend(self, name):
        """It answers for the name as if nothing had been."""
        self._silent = {key for key in self._silent if key[0] != name}
        self._rcodes = {key: rcode for key, rcode in self._rcodes.items() if key[0] != name}

    def wait(self, count, seconds=10):
        """Until so many questions came (blocking)."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.asked) >= count, seconds), self.asked

    # -- how it says it

    def __enter__(self):
        udp, tcp = self._servers()
        self.port = udp.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        for server in (udp, tcp):
            self._ending.enter_context(running(server))
        return self

    def __exit__(self, *_):
        self._ending.close()

    def _servers(self):
        """Both on one port: where TCP has it already, another is tried."""
        while True:
            udp = Udp(("127.0.0.1", 0), lambda *args: UdpQuestion(self, *args))
            try:
                return udp, Tcp(udp.server_address, lambda *args: TcpQuestions(self, *args))
            except OSError:
                udp.server_close()

    def answer(self, wire, way):
        """The octets of the answer, or None for silence."""
        question = dns.message.from_wire(wire)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.question[0].rdtype)
        with self._news:
            self.asked.append((name, kind, way))
            self._news.notify_all()
        if {(name, kind), (name, None)} & self._silent:
            return None
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if rcode := self._rcodes.get((name, kind)) or self._rcodes.get((name, None)):
            answer.set_rcode(dns.rcode.from_text(rcode))
        else:
            self._fill(answer, name, kind)
        # What is longer than the client takes by UDP (EDNS) is cut, and says so: the rest comes by TCP.
        return answer.to_wire(max_size=65535 if way == "tcp" else 0, prefer_truncation=True)

    def _fill(self, answer, name, kind):
        if (name, "CNAME") in self._records:
            answer.answer.append(self._rrset(name, "CNAME"))
            name = self._records[name, "CNAME"][1][0].rstrip(".")
        if (name, kind) in self._records:
            answer.answer.append(self._rrset(name, kind))
            return
        if name not in {key[0] for key in self._records}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        answer.authority.append(dns.rrset.from_text("internal.", 3600, "IN", "SOA", SOA))

    def _rrset(self, name, kind):
        ttl, values = self._records[name, kind]
        return dns.rrset.from_text(f"{name}.", ttl, "IN", kind, *values)


class UdpQuestion(socketserver.BaseRequestHandler):
    def __init__(self, dns_server, *args):
        self.dns = dns_server
        super().__init__(*args)

    def handle(self):
        wire, sock = self.request
        if (answer := self.dns.answer(wire, "udp")) is not None:
            sock.sendto(answer, self.client_address)


class TcpQuestions(socketserver.StreamRequestHandler):
    """Each message after its length in two octets (RFC 1035 section 4.2.2)."""

    def __init__(self, dns_server, *args):
        self.dns = dns_server
        super().__init__(*args)

    def handle(self):
        while head := self.rfile.read(2):
            answer = self.dns.answer(self.rfile.read(int.from_bytes(head)), "tcp")
            if answer is not None:
                self.wfile.write(len(answer).to_bytes(2) + answer)


@contextmanager
def running(server):
    """Serving in a thread until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
