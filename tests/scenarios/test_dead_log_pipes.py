"""Nobody reads our standard error any more: a terminal that was stopped, a logger that hangs."""

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from tests.scenarios.support import HOST, PATIENCE, ROOT, ask, connect, free_port, wait_until


class Deaf:
    """A proxy whose stderr is a pipe that is read until it says `ready` and then never again."""

    def __init__(self, file):
        self.file = file
        command = [sys.executable, "-m", "proxy", "-c", str(file)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            bufsize=0)
        hurry = threading.Timer(PATIENCE, self.process.kill)
        hurry.start()
        said = b""
        while b"ready:" not in said and (piece := os.read(self.process.stderr.fileno(), 65536)):
            said += piece
        hurry.cancel()
        assert b"ready:" in said, said

    def fill(self):
        """The pipe's room is taken, whoever was to have it."""
        for number in (1, 2):
            fd = os.open(f"/proc/{self.process.pid}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)
            try:
                while True:
                    os.write(fd, b"x" * 4096)
            except BlockingIOError:
                os.close(fd)


    def processes(self):
        """All that run this configuration, whoever started them."""
        found = psutil.process_iter(["cmdline"])
        return [process for process in found if str(self.file) in (process.info["cmdline"] or ())]


@pytest.fixture
def deaf(tmp_path):
    port = free_port()
    file = tmp_path / "proxy.yaml"
    file.write_text(configuration(port, "before"))
    proxy = Deaf(file)
    proxy.place = HOST, port
    yield proxy
    for process in proxy.processes():
        process.kill()
    proxy.process.communicate()


def configuration(port, body):
    return f"""
listen: {HOST}:{port}
workers: 2
error_log: {{level: debug}}
access_log: {{path: "-"}}
routes: [{{respond: {{body: {body}}}}}]
"""


def test_the_proxy_goes_on_reloads_and_ends(deaf):
    deaf.fill()
    for _ in range(20):  # each leaves a line in either log
        with connect(deaf.place) as client:
            client.send(b"nonsense\r\n\r\n")
            assert client.response().status == 400
    assert ask(deaf.place).body == b"before"
    deaf.file.write_text(configuration(deaf.place[1], "after"))
    deaf.process.send_signal(signal.SIGHUP)
    wait_until(lambda: ask(deaf.place).body == b"after", "the reload")
    deaf.process.send_signal(signal.SIGTERM)
    assert deaf.process.wait(PATIENCE) == 0


def test_another_program_takes_over(deaf):
    deaf.fill()
    deaf.file.write_text(configuration(deaf.place[1], "after"))
    deaf.process.send_signal(signal.SIGUSR2)
    assert deaf.process.wait(2 * PATIENCE) == 0
    assert ask(deaf.place).body == b"after"
    running = deaf.processes()
    (first,) = [process for process in running if process.ppid() not in {one.pid for one in running}]
    first.terminate()
    assert psutil.wait_procs(running, PATIENCE)[1] == []
