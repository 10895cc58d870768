"""`run` with the real data plane behind it."""

import signal
import socket

import pytest

from proxy.cli import run as run_verb
from tests.process.harness import PATIENCE, Client, Proxy, free_port, wait_until

pytestmark = pytest.mark.scenario


@pytest.fixture
def place():
    return ("127.0.0.1", free_port())


@pytest.fixture
def endpoint():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(PATIENCE)
        yield sock


@pytest.fixture
def run(tmp_path, place, endpoint):
    """Starts `python -m proxy -c FILE`."""
    log = tmp_path / "access.log"
    file = tmp_path / "my.yaml"
    file.write_text(f"""\
listen: {place[0]}:{place[1]}
access_log: {{path: {log}}}
limits: {{connections: 100}}
pools:
  web: {{endpoints: [127.0.0.1:{endpoint.getsockname()[1]}]}}
routes:
  - match: {{path: /ping}}
    respond: {{status: 200, body: "pong\\n"}}
  - reverse_proxy: web
""")
    return lambda **env: Proxy("-m", "proxy", "-c", file, env=env)


def get(client, path):
    client.send(f"GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())


def body(client):
    """The next answer's body."""
    length = 0
    while (line := client.receive()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return client.file.read(length)


def refuses(place):
    try:
        Client(place).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_it_serves_when_it_says_ready_and_stops_when_told(run, place, loop):
    with run(PROXY_LOOP=loop) as proxy:
        proxy.ready()
        with Client(place) as client:
            get(client, "/ping")
            assert body(client) == b"pong\n"
            assert proxy.stop() == 0
            assert client.receive() == b""
        assert not [line for line in proxy.lines if " error " in line or "Traceback" in line]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_an_exchange_that_runs_is_finished_and_no_other_begun(run, place, endpoint, loop):
    with run(PROXY_LOOP=loop) as proxy:
        proxy.ready()
        with Client(place) as client:
            get(client, "/slow")
            sock, _ = endpoint.accept()
            with sock:
                sock.settimeout(PATIENCE)
                assert sock.recv(65536).startswith(b"GET /slow HTTP/1.1\r\n")
                proxy.signal(signal.SIGTERM)
                proxy.line("stopping")
                wait_until(lambda: refuses(place))
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ndone\n")
                assert body(client) == b"done\n"
                assert proxy.status() == 0


def test_a_second_signal_does_not_wait(run, place, endpoint):
    with run() as proxy:
        proxy.ready()
        with Client(place) as client:
            get(client, "/slow")
            sock, _ = endpoint.accept()
            with sock:
                proxy.signal(signal.SIGINT)
                proxy.line("stopping")
                proxy.signal(signal.SIGINT)
                assert proxy.status() == 0


def test_usr1_moves_the_access_log(run, place, tmp_path):
    log = tmp_path / "access.log"
    with run() as proxy:
        proxy.ready()
        wait_until(log.exists)
        log.rename(tmp_path / "old.log")
        proxy.signal(signal.SIGUSR1)
        wait_until(log.exists)
        with Client(place) as client:
            get(client, "/ping")
            assert body(client) == b"pong\n"
        assert proxy.stop() == 0
    assert "/ping" in log.read_text()


def test_a_signal_that_comes_while_it_starts_is_harmless(monkeypatch):
    numbers = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.getsignal(number) for number in numbers]

    def load(arguments):
        assert [signal.getsignal(number) for number in numbers] == [signal.SIG_IGN] * 3
        raise SystemExit(7)

    monkeypatch.setattr(run_verb, "load_config", load)
    try:
        with pytest.raises(SystemExit, match="7"):
            run_verb.main(None)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
