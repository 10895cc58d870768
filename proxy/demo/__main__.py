"""Start the demo: three gunicorn processes with the bookshop, and the proxy in front of them.

The rule of this room: everything that was started is stopped again, whatever ends the demo. That is the
proxy's death, and that of a gunicorn while all begins; later the site goes on without it, which is what a
proxy is for, and it is started again.
Each part gets a process group of its own, so that Ctrl-C reaches this process alone and the
proxy can finish what runs before the application goes away.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import queue
import signal
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from proxy.demo.parts import Part, PartDied

HOST = "127.0.0.1"
SITE = Path(__file__).with_name("site")
CONFIG = Path(__file__).parents[2] / "config.example.yaml"
# The same names and defaults as in config.example.yaml.
PROXY_PORT = int(os.environ.get("PROXY_PORT", "8080"))
ADMIN_PORT = int(os.environ.get("ADMIN_PORT", "9000"))
SHOP_PORTS = {
    "Ada": int(os.environ.get("ADA_PORT", "8001")),
    "Bruno": int(os.environ.get("BRUNO_PORT", "8002")),
    "Clara": int(os.environ.get("CLARA_PORT", "8003")),
}
START_LIMIT = 30.0  # seconds for gunicorn to answer; a cold disk is slow
POLL = 0.1
PROXY = "the proxy"
ABSENCE = 5.0  # seconds until a gunicorn that died is started again: time to see that nobody misses it


class Stopped(Exception):
    """The user wants the demo to end."""


class Demo:
    """The parts that run, and the signals that arrived."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.parts: list[Part] = []
        self._absent: dict[Part, float] = {}  # and when they are started again
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # may be filled by a signal handler

    def run(self) -> int:
        """Run until the proxy dies or the user stops it; the exit status."""
        for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(wanted, lambda number, _frame: self._signals.put(number))
        try:
            self._start_shop()
            print(f"demo: the site answers; starting the proxy: http://{HOST}:{PROXY_PORT}/", flush=True)
            self._start(PROXY, [sys.executable, "-m", "proxy", "-c", str(self.config)])
            while True:
                self._listen(self._start_again())
        except Stopped:
            return 0
        except PartDied as death:
            print(f"demo: {death}; stopping the rest", file=sys.stderr)
            return death.status if death.status > 0 else 1
        finally:
            self._stop()

    def _start_shop(self) -> None:
        for name, port in SHOP_PORTS.items():
            self._start(f"gunicorn ({name})", gunicorn(port), INSTANCE=name)
        deadline = time.monotonic() + START_LIMIT
        for name, port in SHOP_PORTS.items():
            while not answers(port):
                if time.monotonic() > deadline:
                    raise PartDied(f"gunicorn ({name}) does not answer on {HOST}:{port}", 1)
                self._listen(POLL)

    def _start(self, title: str, command: list[str], **environ: str) -> None:
        self.parts.append(Part(title, command, environ))

    def _start_again(self) -> float | None:
        """Those whose time has come; returns the seconds until the next one's."""
        for part, due in list(self._absent.items()):
            if due <= time.monotonic():
                del self._absent[part]
                part.start()
                print(f"demo: {part.title} is started again", file=sys.stderr)
        return max(0.0, min(self._absent.values()) - time.monotonic()) if self._absent else None

    def _bury(self) -> None:
        """Who has ended; raises PartDied if the demo ends with it."""
        for part in self.parts:
            death = None if part in self._absent else part.death
            if death is None:
                continue
            if part is self.parts[-1] or not self._is_whole:
                raise death
            part.kill_group()  # its workers, which hold the port
            self._absent[part] = time.monotonic() + ABSENCE
            print(f"demo: {death}; the site goes on without, and in {ABSENCE:.0f} s it is started again",
                  file=sys.stderr)

    @property
    def _is_whole(self) -> bool:
        return self.parts[-1].title == PROXY

    def _listen(self, seconds: float | None) -> None:
        """Wait for a signal, at most so long, and act on it."""
        try:
            number = self._signals.get(timeout=seconds)
        except queue.Empty:
            return
        if number in (signal.SIGINT, signal.SIGTERM):
            raise Stopped
        if number == signal.SIGCHLD:
            self._bury()
        elif self._is_whole:  # HUP and USR1 are its business
            self.parts[-1].send(number)

    def _stop(self) -> None:
        """The proxy first, so that what runs can finish; a second Ctrl-C stops at once."""
        for part in reversed(self.parts):
            part.send(signal.SIGTERM)
            part.wait(self._asked_again)
        for part in self.parts:
            part.kill_group()

    def _asked_again(self) -> bool:
        """Whether the user has asked once more, now that everything is being stopped."""
        try:
            return self._signals.get(timeout=POLL) in (signal.SIGINT, signal.SIGTERM)
        except queue.Empty:
            return False


def gunicorn(port: int) -> list[str]:
    """One process with four threads, as a small site would run; its own log only when it has trouble."""
    return [
        *(sys.executable, "-m", "gunicorn", "--workers=1", "--threads=4", f"--bind={HOST}:{port}"),
        *(f"--chdir={SITE}", "--log-level=warning", "--graceful-timeout=3"),
        "--no-control-socket",  # the three would share one path in the home directory
        "app:app",
    ]


def answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def obstacles(config: Path) -> list[str]:
    """Why the demo cannot start, each with what to do about it."""
    found = [f"{name} is missing: pip install 'pyfront[demo]'" for name in ("flask", "gunicorn")
             if importlib.util.find_spec(name) is None]
    if not config.is_file():
        found.append(f"no such file: {config} (name one with -c)")
    ports = {"PROXY_PORT": PROXY_PORT, "ADMIN_PORT": ADMIN_PORT,
             **{f"{name.upper()}_PORT": port for name, port in SHOP_PORTS.items()}}
    for variable, port in ports.items():
        if taken(port):
            found.append(f"{HOST}:{port} is taken: stop what listens there, or set {variable} to a free port")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m proxy.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("-c", "--config", type=Path, default=CONFIG, help="default: %(default)s")
    config: Path = parser.parse_args().config
    if found := obstacles(config):
        print("\n".join(f"demo: {line}" for line in found), file=sys.stderr)
        return 1
    return Demo(config).run()


if __name__ == "__main__":
    sys.exit(main())
