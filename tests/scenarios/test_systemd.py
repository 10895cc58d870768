"""As a service of systemd: what it hears, and the sockets that it hands over."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.scenarios.support import HOST, PATIENCE, ROOT, ask, wait_until

PAGE = "routes: [{respond: {body: ok}}]\n"


class Systemd:
    """Listens to a service."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.sock.settimeout(PATIENCE)
        self.environ = {"NOTIFY_SOCKET": str(path)}

    def hear(self, word):
        """The fields of the next message that begins with the word, whatever comes before."""
        while True:
            fields = dict(line.partition("=")[::2] for line in self.sock.recv(4096).decode().split("\n"))
            if word in fields:
                return fields


@pytest.fixture
def systemd(tmp_path):
    made = Systemd(tmp_path / "notify")
    yield made
    made.sock.close()


def test_a_whole_life(stage, systemd):
    proxy = stage.proxy(PAGE, env=systemd.environ)
    assert systemd.hear("READY")["STATUS"] == f"generation 1, 1 worker on {proxy.url}"
    proxy.signal(signal.SIGHUP)
    assert systemd.hear("RELOADING")["MONOTONIC_USEC"].isdigit()
    assert systemd.hear("READY")["STATUS"].startswith("generation 2")
    (stage.folder / f"{proxy.err.stem}.yaml").write_text("nonsense: 1\n")
    proxy.signal(signal.SIGHUP)
    systemd.hear("RELOADING")
    assert systemd.hear("READY")["STATUS"].startswith("generation 2")
    assert proxy.stop() == 0
    assert systemd.hear("STOPPING")["STATUS"] == "finishing what runs"


def test_the_watchdog_hears_the_supervisor(stage, systemd):
    stage.proxy(PAGE, env={**systemd.environ, "WATCHDOG_USEC": "200000"})
    for _ in range(3):
        beat = systemd.hear("WATCHDOG")
        assert beat["WATCHDOG"] == "1"
        assert beat["STATUS"].startswith("generation 1, 1 worker on http://")


def test_an_upgrade_moves_the_service_to_another_process(stage, systemd):
    proxy = stage.proxy(PAGE, env={**systemd.environ, "WATCHDOG_USEC": "200000"})
    systemd.hear("READY")
    proxy.signal(signal.SIGUSR2)
    pid = int(systemd.hear("MAINPID")["MAINPID"])
    assert proxy.wait() == 0
    while systemd.hear("WATCHDOG")["STATUS"] == f"handed over to {pid}":
        pass  # the old one's last words
    assert systemd.hear("WATCHDOG")["STATUS"].startswith("generation 1, "), "from the new one"
    assert ask(proxy).body == b"ok"
    os.kill(pid, signal.SIGTERM)
    systemd.hear("STOPPING")


class Activated:
    """A proxy that is started with listening sockets as descriptors 3 and following."""

    def __init__(self, folder, yaml, *sockets):
        file = folder / "config.yaml"
        file.write_text(yaml)
        moves = " ".join(f"{3 + place}<&{sock.fileno()}" for place, sock in enumerate(sockets))
        script = f'exec {moves}; LISTEN_PID=$$ LISTEN_FDS={len(sockets)} exec "$@"'
        command = ["bash", "-c", script, "sh", sys.executable, "-m", "proxy", "-c", str(file)]
        self.err = folder / "err"
        with self.err.open("wb") as err:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=err, stdout=subprocess.DEVNULL,
                                            pass_fds=[sock.fileno() for sock in sockets])
        self.ready(1)

    def log(self):
        return self.err.read_text()

    def ready(self, times):
        """The line of so many programs after the first."""
        return wait_until(lambda: self.lines()[times - 1:], "the ready line")[0]

    def lines(self):
        return [line for line in self.log().splitlines() if line.startswith("ready:")]

    def end(self, pid):
        os.kill(pid, signal.SIGTERM)
        self.process.wait(PATIENCE)


@pytest.fixture
def handed(tmp_path):
    """Sockets that somebody else has made, far above the numbers that a service is given."""
    made = []

    def make(address, family=socket.AF_INET):
        with socket.socket(family) as sock:
            sock.bind(address)
            sock.listen()
            made.append(socket.socket(fileno=os.dup2(sock.fileno(), 100 + len(made))))
        return made[-1]

    yield make
    for sock in made:
        sock.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_sockets_that_were_there_before(tmp_path, handed, workers):
    path = str(tmp_path / "web.sock")
    tcp, unix, stray = handed((HOST, 0)), handed(path, socket.AF_UNIX), handed((HOST, 0))
    place = tcp.getsockname()
    yaml = f"listen: ['{HOST}:{place[1]}', 'unix:{path}', '{HOST}:0']\nworkers: {workers}\n{PAGE}"
    proxy = Activated(tmp_path, yaml, unix, tcp, stray)
    assert f"unix:{path}, http://{HOST}:{place[1]}, http://{HOST}:" in proxy.ready(1)
    for _ in range(5):
        assert ask(place).body == b"ok"
        assert ask(path).body == b"ok"
    assert "systemd hands over 127.0.0.1" in proxy.log()
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in proxy.log(), "the reload")
    assert ask(place).body == b"ok"
    proxy.end(proxy.process.pid)
    assert os.path.exists(path), "systemd's own"


def test_an_upgrade_of_a_service_with_sockets_of_systemd(tmp_path, handed):
    sock = handed((HOST, 0))
    place = sock.getsockname()
    proxy = Activated(tmp_path, f"listen: '{HOST}:{place[1]}'\nworkers: 2\n{PAGE}", sock)
    proxy.process.send_signal(signal.SIGUSR2)
    pid = int(proxy.ready(2).rpartition("pid ")[2].rstrip(")"))
    assert proxy.process.wait(PATIENCE) == 0
    assert ask(place).body == b"ok"
    proxy.end(pid)
