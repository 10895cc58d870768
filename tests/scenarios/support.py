"""What scenarios are played with: the real proxy, real gunicorn, endpoints and clients of bare sockets.

A `Stage` starts things and ends them in reverse; the proxy must then end with status 0 and a log
without a traceback. Nothing here sleeps: every wait is for an event and has a deadline. Ports are
chosen by the kernel and read from what each program says, so nothing can collide.
"""

import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PATIENCE = 15.0
LOOPS = ("uvloop", "asyncio")
HOST = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


def wait_until(is_true, what="it", patience=PATIENCE):
    """For what cannot be waited on otherwise; returns what was true."""
    deadline = time.monotonic() + patience
    while not (found := is_true()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return found


def free_port():
    """A port on which nobody listens."""
    with socket.create_server((HOST, 0)) as held:
        return held.getsockname()[1]


class Stage(ExitStack):
    """Everything that one test (or one module) starts; files go to `folder`."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self._count = 0

    def _name(self, kind):
        self._count += 1
        return f"{kind}-{self._count}"

    def proxy(self, yaml, *, loop=None, env=None, fds=None):
        """Run the configuration `yaml` and wait for its ready line.

        `listen: 127.0.0.1:0` is put before it where it names no listener. `fds` limits descriptors.
        """
        if not re.search(r"^listen:", yaml, re.MULTILINE):
            yaml = f"listen: {HOST}:0\n{yaml}"
        name = self._name("proxy")
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml)
        command = [sys.executable, "-m", "proxy", "-c", str(file)]
        if fds is not None:
            command = ["sh", "-c", f'ulimit -n {fds}; exec "$@"', "sh", *command]
        loop_env = {} if loop is None else {"PROXY_LOOP": loop}
        proxy = Proxy(command, self.folder / name, {**loop_env, **(env or {})})
        self.push(proxy.end)
        proxy.wait_ready()
        return proxy

    def before(self, *endpoints, top="", pool="", route="", **options):
        """A proxy with one route to one pool of these endpoints (whatever has an `address`).

        `top` is YAML to put before it; `pool` and `route` are further keys of the two, `key: value, ...`.
        """
        addresses = ", ".join(f"'{endpoint.address}'" for endpoint in endpoints)
        yaml = f"""{top}
pools:
  web: {{endpoints: [{addresses}], {pool}}}
routes:
  - {{reverse_proxy: web, {route}}}
"""
        return self.proxy(yaml, **options)

    def gunicorn(self, app="tests.scenarios.apps:app", *, bind=f"{HOST}:0", workers=1, threads=1, env=None,
                 options=()):
        """gunicorn with sync workers, or gthread with more than one thread; `bind` may be `unix:PATH`."""
        command = [
            *(sys.executable, "-m", "gunicorn", f"--bind={bind}"),
            *(f"--workers={workers}", f"--threads={threads}"),
            *("--no-control-socket", "--graceful-timeout=2", *options, app),
        ]
        running = Gunicorn(command, self.folder / self._name("gunicorn"), env or {})
        self.push(running.end)
        running.wait_ready()
        return running

    def uvicorn(self, app, *options):
        command = [sys.executable, "-m", "uvicorn", "--host", HOST, "--port", "0", *options, app]
        running = Uvicorn(command, self.folder / self._name("uvicorn"), {})
        self.push(running.end)
        running.wait_ready()
        return running

    def origin(self, answer=None, **options):
        return self.enter_context(Origin(answer, **options))

    def client(self, place):
        """A connection to a proxy, a (host, port), a port or a socket's path."""
        return self.enter_context(connect(place))


class Program:
    """A subprocess whose output goes to files beside each other."""

    ready = ""
    stop_signal = signal.SIGTERM

    def __init__(self, command, path, env):
        self.out, self.err = path.with_suffix(".out"), path.with_suffix(".err")
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **env}
            )
        self.pid = self.process.pid

    def log(self):
        """What it has said on stderr so far."""
        return self.err.read_text(errors="replace")

    def said(self, pattern):
        return re.search(pattern, self.log(), re.MULTILINE)

    def wait_said(self, pattern, patience=PATIENCE):
        """The match of a line on stderr, once it is there and whole."""
        whole = f"{pattern}.*\n"
        return wait_until(lambda: self.said(whole) or self._check_alive(), pattern, patience)

    def _check_alive(self):
        assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log()}"

    def wait_ready(self):
        self.place = self.read_place(self.wait_said(self.ready)[1])

    def read_place(self, text):
        """(host, port) or the path of a unix socket."""
        if text.startswith("unix:"):
            return text[5:]
        host, _, port = text.rpartition(":")
        return host, int(port)

    @property
    def address(self):
        """As an endpoint in a configuration."""
        return f"unix:{self.place}" if isinstance(self.place, str) else "{}:{}".format(*self.place)

    @property
    def port(self):
        return self.place[1]

    @property
    def url(self):
        return f"http://{self.address}"

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        return self.process.wait(patience)

    def workers(self):
        """The pids of its children, oldest first."""
        return [child.pid for child in psutil.Process(self.pid).children()]

    def end(self, kind, error, trace):
        """Leave nothing behind, whatever happened."""
        if self.process.poll() is None:
            self.signal(self.stop_signal)
            try:
                self.wait(5)
            except subprocess.TimeoutExpired:
                for child in psutil.Process(self.pid).children(recursive=True):
                    child.kill()
                self.process.kill()
                self.wait()
        return False


class Proxy(Program):
    """A running `python -m proxy -c FILE`."""

    ready = r"^ready: (?:https?://)?([^ ,]+)"

    def places(self):
        """All the listeners that the ready line names."""
        line = self.said(r"^ready: (.*) \(")[1]
        return [self.read_place(re.sub("^https?://", "", word)) for word in line.split(", ")]

    def stop(self, patience=PATIENCE):
        """TERM; the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(patience)

    def access_log(self):
        """What the access log on stdout has so far."""
        return self.out.read_text(errors="replace")

    def end(self, kind, error, trace):
        """Unless the test failed already, the end must be a clean one.

        A test that killed the proxy itself has looked at the status with `wait`.
        """
        asked = self.process.poll() is None
        super().end(kind, error, trace)
        if kind is None:
            assert "Traceback" not in self.log(), self.log()
            assert not asked or self.process.returncode == 0, self.log()
        return False


class Gunicorn(Program):
    ready = r"Listening at: (?:http://)?(\S+)"

    def wait_ready(self):
        super().wait_ready()
        self.wait_said("Booting worker")

    def read_place(self, text):
        return super().read_place(text if ":" in text else f"unix:{text}")


class Uvicorn(Program):
    ready = r"Uvicorn running on http://(\S+)"


# Processes, as the kernel sees them.


def rss(pid):
    """Resident octets."""
    return psutil.Process(pid).memory_info().rss


def pss(pid):
    """Resident octets, shared pages divided among those who share them."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)[1]) * 1024


def open_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def open_sockets(pid):
    """How many TCP connections the process has established."""
    return sum(one.status == psutil.CONN_ESTABLISHED for one in psutil.Process(pid).net_connections("tcp"))


def cpu_seconds(pid):
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


# HTTP/1 on bare sockets, either side.


class Message:
    """A request or response: `first` is its first line, `fields` are (name, value) in their order."""

    def __init__(self, head):
        self.raw = head
        self.first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        self.fields = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        self.body = b""
        self.chunks = []
        self.trailers = b""

    def __repr__(self):
        return f"<{self.first!r} {self.fields} {self.body[:80]!r}>"

    @property
    def status(self):
        return int(self.first.split(b" ")[1])

    @property
    def method(self):
        return self.first.split(b" ")[0]

    @property
    def target(self):
        return self.first.split(b" ")[1]

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        """The value of a field that may be there once; None where it is not."""
        values = self.all(name)
        assert len(values) < 2, f"{name!r} is there {len(values)} times"
        return values[0] if values else None


class Wire:
    """One connection, either end of it. Reads have a deadline: TimeoutError."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.held = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Close with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.sendall(data)

    def get(self, target="/", *fields, method="GET"):
        """Send a request without a body."""
        lines = "".join(f"{field}\r\n" for field in ("Host: a.example", *fields))
        self.send(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))

    def send_ahead(self, data):
        """How many octets are taken until none is for half a second."""
        view = memoryview(data)
        while view and select.select([], [self.sock], [], 0.5)[1]:
            view = view[self.sock.send(view[:65536]):]
        return len(data) - len(view)

    def has_news(self, patience=PATIENCE):
        """Whether something can be read, or the end, within so many seconds."""
        return bool(self.held) or bool(select.select([self.sock], [], [], patience)[0])

    def more(self):
        """Read once; b"" at the end."""
        data = self.sock.recv(65536)
        self.held += data
        return data

    def until(self, mark):
        """All up to and including `mark`; EOFError where the end comes first."""
        while mark not in self.held:
            if not self.more():
                raise EOFError(f"no {mark!r} in {self.held!r}")
        data, _, self.held = self.held.partition(mark)
        return data + mark

    def exactly(self, length):
        while len(self.held) < length:
            if not self.more():
                raise EOFError(f"{len(self.held)} of {length} octets")
        data, self.held = self.held[:length], self.held[length:]
        return data

    def rest(self):
        """All up to the end, be it a FIN or a RST."""
        try:
            while self.more():
                pass
        except ConnectionError:
            pass
        data, self.held = self.held, b""
        return data

    def at_end(self):
        """Whether the other side ends the connection, with nothing before it."""
        return self.rest() == b""

    def head(self):
        return Message(self.until(b"\r\n\r\n"))

    def request(self):
        """The next request, with its body."""
        message = self.head()
        if (message.get(b"transfer-encoding") or b"").lower() == b"chunked":
            self._chunks(message)
        else:
            message.body = self.exactly(int(message.get(b"content-length") or 0))
        return message

    def response(self, method="GET"):
        """The next response, with its body; a 1xx is one of its own."""
        message = self.head()
        if method == "HEAD" or message.status in (204, 304) or message.status < 200:
            return message
        if (message.get(b"transfer-encoding") or b"").lower() == b"chunked":
            self._chunks(message)
        elif (length := message.get(b"content-length")) is not None:
            message.body = self.exactly(int(length))
        else:
            message.body = self.rest()
        return message

    def chunk(self):
        """The next chunk's data; b"" is the last one, whose trailers are still to come."""
        size = int(self.until(b"\r\n").partition(b";")[0], 16)
        return self.exactly(size + 2)[:-2] if size else b""

    def _chunks(self, message):
        while data := self.chunk():
            message.chunks.append(data)
        message.body = b"".join(message.chunks)
        while (line := self.until(b"\r\n")) != b"\r\n":
            message.trailers += line


def connect(place):
    """A Wire to a proxy (or another program), a (host, port), a port or a socket's path."""
    place = getattr(place, "place", place)
    if isinstance(place, int):
        place = (HOST, place)
    sock = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET)
    try:
        sock.settimeout(PATIENCE)
        sock.connect(place)
    except BaseException:
        sock.close()
        raise
    return Wire(sock)


def ask(place, target="/", *fields, method="GET"):
    """One request on a connection of its own; the response."""
    with connect(place) as wire:
        wire.get(target, *fields, method=method)
        return wire.response(method)


class Origin:
    """An endpoint that notes every request.

    Without `answer` the test plays it: `accept` gives each connection as a Wire. With `answer`,
    octets or a function from (request, wire) to octets, it answers by itself until the client
    closes; None from the function leaves the connection to it. `requests` and `connections` say
    what came.
    """

    def __init__(self, answer=None, *, place=(HOST, 0), backlog=128):
        family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
        self.sock = socket.create_server(place, family=family, backlog=backlog)
        self.sock.settimeout(PATIENCE)
        self.place = self.sock.getsockname()
        self.requests = []
        self.connections = 0
        self._answer = answer
        self._wires = []
        self._threads = []
        self._lock = threading.Lock()

    @property
    def port(self):
        return self.place[1]

    @property
    def address(self):
        return f"unix:{self.place}" if isinstance(self.place, str) else "{}:{}".format(*self.place)

    def __enter__(self):
        if self._answer is not None:
            self.sock.settimeout(None)
            self._run(self._accept_all)
        return self

    def __exit__(self, *_):
        self.close()
        for thread in list(self._threads):
            thread.join(PATIENCE)

    def close(self):
        """Listen no more and cut every connection."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        except OSError:
            pass
        self.sock.close()
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            try:
                wire.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            if self._answer is None:
                wire.close()

    def start_over(self):
        """Cut every connection, forget what came; for the next test."""
        self.sock.settimeout(0)
        try:
            while True:
                self.accept()
        except BlockingIOError:
            self.sock.settimeout(PATIENCE)
        for wire in self._wires:
            wire.close()
        self._wires.clear()
        self.requests.clear()
        self.connections = 0

    def accept(self):
        """The next connection."""
        sock, _ = self.sock.accept()
        wire = Wire(sock)
        with self._lock:
            self.connections += 1
            self._wires.append(wire)
        return wire

    def nobody_waits(self):
        """Whether no connection waits to be accepted."""
        self.sock.settimeout(0)
        try:
            self.accept()
        except BlockingIOError:
            return True
        finally:
            self.sock.settimeout(PATIENCE)
        return False

    def _run(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_all(self):
        while True:
            try:
                wire = self.accept()
            except OSError:
                return
            self._run(self._serve, wire)

    def _serve(self, wire):
        wire.sock.settimeout(None)  # an idle connection may wait; `close` ends it
        with wire:
            try:
                while True:
                    request = wire.request()
                    with self._lock:
                        self.requests.append(request)
                    answer = self._answer(request, wire) if callable(self._answer) else self._answer
                    if answer is None:
                        return
                    wire.send(answer)
            except (OSError, EOFError):
                pass
