"""The real supervisor in a process of its own, with a data plane that does as it is told."""

import os
import re
import signal
import socket

import pytest

from tests.process.harness import Client, ask, fake, free_port, wait_for_end, wait_until

pytestmark = pytest.mark.scenario

LOOPS = [{"PROXY_LOOP": "uvloop"}, {"PROXY_LOOP": "asyncio"}]


@pytest.fixture
def place():
    return ("127.0.0.1", free_port())


@pytest.fixture
def write(tmp_path, place):
    """Writes a configuration and returns its path."""

    def write_config(listen=None, **keys):
        lines = [f"listen: {listen or f'127.0.0.1:{place[1]}'}"]
        lines += [f"{name}: {value}" for name, value in keys.items()]
        lines += ["routes:", "  - respond: {status: 200}", ""]
        file = tmp_path / "proxy.yaml"
        file.write_text("\n".join(lines))
        return file

    return write_config


def worker_pids(place, count):
    """The pids of so many different workers."""
    pids = set()
    wait_until(lambda: pids.add(ask(place)[0]) or len(pids) == count)
    return pids


def refuses(place):
    try:
        Client(place).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("env", LOOPS)
def test_ready_serves_and_stops(write, place, env):
    with fake(write(), env=env) as proxy:
        line = proxy.ready()
        assert line == f"ready: http://127.0.0.1:{place[1]} (1 worker, pid {proxy.process.pid})"
        pid, _ = ask(place)
        assert pid != proxy.process.pid
        assert proxy.stop() == 0
        assert refuses(place)
        wait_for_end_of_orphan(pid)
        assert not [line for line in proxy.lines if " error " in line or "Traceback" in line]


def wait_for_end_of_orphan(pid):
    try:
        wait_for_end(pid)
    except ProcessLookupError:
        pass


def test_ready_names_every_address_and_every_worker_serves(write, tmp_path):
    path = str(tmp_path / "s")
    with fake(write(f"[127.0.0.1:0, '[::1]:0', 'unix:{path}']", workers=2)) as proxy:
        line = proxy.ready()
        ports = re.fullmatch(
            rf"ready: http://127\.0\.0\.1:(\d+), http://\[::1\]:(\d+), unix:{path} "
            rf"\(2 workers, pid {proxy.process.pid}\)",
            line,
        )
        assert len(worker_pids(("127.0.0.1", int(ports[1])), 2)) == 2
        assert ask(path)[0] > 0
        assert proxy.stop() == 0
        assert not os.path.exists(path)


def test_a_port_that_is_taken_is_a_failed_start(write, place):
    with socket.create_server(place), fake(file := write()) as proxy:
        assert proxy.status() == 1
        (line,) = proxy.lines
        assert line == (
            f"cannot listen on 127.0.0.1:{place[1]}: the address is in use; stop the other program "
            f"(ss -ltnp 'sport = :{place[1]}' names it) or change listen in {file}"
        )


def test_a_stale_socket_file_is_no_hindrance(write, tmp_path):
    path = str(tmp_path / "s")
    file = write(f"'unix:{path}'")
    with fake(file) as first:
        first.ready()
        pid, _ = ask(path)
        first.signal(signal.SIGKILL)
        wait_for_end_of_orphan(pid)
    assert os.path.exists(path)
    with fake(file) as second:
        second.ready()
        assert ask(path)[0] != pid
        assert second.stop() == 0


@pytest.mark.parametrize("env", LOOPS)
def test_a_killed_workers_queue_is_answered_by_its_successor(write, place, env):
    with fake(write(), env=env) as proxy:
        proxy.ready()
        pid, _ = ask(place)
        os.kill(pid, signal.SIGSTOP)
        with Client(place) as queued:  # the kernel accepts; nobody takes it
            queued.send(b"pid\n")
            os.kill(pid, signal.SIGKILL)
            successor = int(queued.receive().split()[0])
        assert successor not in {pid, proxy.process.pid}
        assert "killed by signal 9 (Killed; short of memory?" in proxy.line(f"worker {pid}: ")
        assert proxy.stop() == 0


def test_a_worker_that_ends_by_itself_is_replaced(write, place):
    with fake(write(), env={}) as proxy:
        proxy.ready()
        pid, _ = ask(place)
        with Client(place) as client:
            client.send(b"crash\n")
        assert "it ended with status 7; another takes its place now" in proxy.line(f"worker {pid}: ")
        assert ask(place)[0] != pid
        assert proxy.stop() == 0


def test_term_lets_what_runs_finish_and_takes_no_more(write, place):
    with fake(write()) as proxy, Client(place_when_ready(proxy, place)) as client:
        client.send(b"hold\n")
        assert client.receive() == b"held\n"
        proxy.signal(signal.SIGTERM)
        proxy.line("stopping; what runs has 30 s to finish")
        wait_until(lambda: refuses(place))
        assert proxy.process.poll() is None
        client.send(b"go on\n")
        assert len(client.receive().split()) == 2
        assert proxy.status() == 0


def place_when_ready(proxy, place):
    proxy.ready()
    return place


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(write, place, number):
    with fake(write()) as proxy, Client(place_when_ready(proxy, place)) as client:
        client.send(b"hold\n")
        assert client.receive() == b"held\n"
        proxy.signal(number)
        proxy.line("stopping")
        proxy.signal(number)
        assert proxy.status() == 0
        assert client.receive() == b""


def test_a_drain_has_an_end(write, place):
    with fake(write(timeouts="{drain: 100ms}")) as proxy, Client(place_when_ready(proxy, place)) as client:
        client.send(b"hold\n")
        assert client.receive() == b"held\n"
        assert proxy.stop() == 0
        assert client.receive() == b""


def test_a_worker_that_ends_by_no_word_is_killed(write):
    with fake(write(), "Deaf") as proxy:
        proxy.ready()
        proxy.signal(signal.SIGTERM)
        proxy.line("^deaf$")
        proxy.signal(signal.SIGTERM)
        assert "does not end: killed" in proxy.line("worker")
        assert proxy.status() == 0


def test_usr1_reopens_the_logs_everywhere(write, place, tmp_path):
    log = tmp_path / "error.log"
    with fake(write(error_log=f"{{path: {log}}}")) as proxy:
        proxy.ready()
        log.rename(tmp_path / "old")
        proxy.signal(signal.SIGUSR1)
        wait_until(log.exists)
        wait_until(lambda: ask(place)[1] == 1)
        assert proxy.stop() == 0
    assert "info proxy.supervisor" in log.read_text()


def test_a_new_program_that_takes_nothing_over_changes_nothing(write, place):
    """It finds the address in use: by us."""
    with fake(write()) as proxy:
        proxy.ready()
        pid, _ = ask(place)
        proxy.signal(signal.SIGUSR2)
        assert "this program goes on: it ended with status 1" in proxy.line("the upgrade failed")
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGUSR2)
        os.kill(pid, signal.SIGINT)
        assert ask(place)[0] == pid
        assert proxy.stop() == 0


def test_term_to_a_worker_drains_it_while_its_successor_serves(write, place):
    with fake(write()) as proxy, Client(place_when_ready(proxy, place)) as client:
        client.send(b"hold\n")
        assert client.receive() == b"held\n"
        pid, _ = ask(place)
        os.kill(pid, signal.SIGTERM)
        proxy.line("was asked to end and drains; another takes its place")
        wait_until(lambda: ask(place)[0] != pid)
        client.send(b"go on\n")
        assert int(client.receive().split()[0]) == pid
        assert proxy.stop() == 0
        assert not [line for line in proxy.lines if " error " in line]


def test_workers_do_not_outlive_the_supervisor(write, place):
    with fake(write(workers=2)) as proxy:
        proxy.ready()
        pids = worker_pids(place, 2)
        proxy.signal(signal.SIGKILL)
        for pid in pids:
            wait_for_end_of_orphan(pid)
        proxy.status()
        assert sum("the supervisor is gone" in line for line in proxy.lines) == 2
    assert refuses(place)


def test_a_start_that_fails_says_why(write, place):
    with fake(write(workers=2), "Broken") as proxy:
        assert proxy.status() == 1
        last = [line for line in proxy.lines if line.startswith("cannot start: ")]
        assert len(last) == 1
        assert re.fullmatch(r"cannot start: worker \d+: RuntimeError: no such\\nthing", last[0])
    assert refuses(place)


def test_workers_that_keep_dying_are_replaced_ever_more_slowly(write):
    with fake(write(), "ShortLived") as proxy:
        proxy.ready()
        proxy.line("it ended with status 3; another takes its place now")
        proxy.line("it ended with status 3; another takes its place in 0.5 s")
        proxy.line("it ended with status 3; another takes its place in 1 s")
        assert proxy.stop() == 0
        assert sum(line.startswith("ready:") for line in proxy.lines) == 1


def test_an_error_log_that_cannot_be_opened_is_a_failed_start(write, place):
    with fake(write(error_log="{path: /proc/error.log}")) as proxy:
        assert proxy.status() == 1
        assert "cannot open the error log" in proxy.lines[0]
    assert refuses(place)


def test_too_few_open_files_are_told(write, place, tmp_path):
    with fake(write(limits="{connections: 1000000}")) as proxy:
        proxy.line(r"limits\.connections is 1000000 and needs 2000064 open files, .* at most \d+ connections")
        proxy.ready()
        assert proxy.stop() == 0
