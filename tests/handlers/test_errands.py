import asyncio
import errno
import itertools
import threading

from proxy.handlers.errands import Errands
from tests.handlers.sites import ask, make_static

TEXT = b"body { color: black }\n" * 5000


class Held:
    """Work that a thread waits in until the test lets it go on."""

    def __init__(self, outcome=b"done"):
        self.outcome = outcome
        self.gate = threading.Event()
        self.count = 0

    def __call__(self):
        self.count += 1
        assert self.gate.wait(10)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome




async def outcomes_of(held, runs, **options):
    """Run it that often at the same time."""
    errands, loop, got = Errands(), asyncio.get_running_loop(), []
    everybody = loop.create_future()

    def then(outcome):
        got.append(outcome)
        if len(got) == runs:
            everybody.set_result(None)

    for _ in range(runs):
        errands.run(loop, held, then, long=True, **options)
    held.gate.set()
    await everybody
    assert errands._waiting == {}
    return got


async def test_what_is_quick_is_done_in_the_call():
    got = []
    Errands().run(asyncio.get_running_loop(), threading.current_thread, got.append)
    assert got == [threading.main_thread()]


async def test_those_who_want_the_same_wait_for_one():
    held = Held()
    assert await outcomes_of(held, 100, key="a") == [b"done"] * 100
    assert held.count == 1


async def test_without_a_key_everybody_has_his_own():
    held = Held()
    assert await outcomes_of(held, 3) == [b"done"] * 3
    assert held.count == 3


async def test_an_error_is_an_outcome_for_all():
    error = FileNotFoundError(errno.ENOENT, "gone")
    assert await outcomes_of(Held(error), 3, key="a") == [error] * 3


async def test_a_defect_is_logged_and_nobody_waits_for_ever(caplog):
    got = await outcomes_of(Held(KeyError("defect")), 2, key="a")
    assert [outcome.errno for outcome in got] == [errno.EIO] * 2
    assert "KeyError: 'defect'" in caplog.text


async def test_on_a_slow_disk_threads_do_it(monkeypatch):
    times = itertools.count()
    for name in ("monotonic", "_waits"):
        monkeypatch.setattr(f"proxy.http.disk.{name}", lambda: next(times))
    errands, loop, got = Errands(), asyncio.get_running_loop(), []
    done = loop.create_future()
    errands.run(loop, threading.current_thread, got.append)
    errands.run(loop, threading.current_thread, done.set_result)
    assert got == [threading.main_thread()]
    assert await done is not threading.main_thread()


async def test_a_thousand_clients_of_a_cold_file_have_it_read_and_compressed_once(site, monkeypatch):
    (site / "large.js").write_bytes(TEXT)
    static = make_static(site)
    asked = []

    def encode(coding, data):
        asked.append(coding)
        return b"coded"

    monkeypatch.setattr("proxy.handlers.library.encode", encode)
    answers = [ask(static, b"/large.js", [(b"Accept-Encoding", b"br")], loop=None) for _ in range(1000)]
    while not all(answer.over for answer in answers):
        await asyncio.get_running_loop().run_in_executor(None, threading.active_count)
    assert {bytes(answer.body) for answer in answers} == {b"coded"}
    assert asked == [b"br"]


async def test_a_client_that_left_meanwhile_is_nobodys_matter(site):
    (site / "large.js").write_bytes(TEXT)
    answers = [ask(make_static(site), b"/large.js", [(b"Accept-Encoding", b"br")], loop=None)]
    answers[0].abort()
    while answers[0].late == []:
        await asyncio.get_running_loop().run_in_executor(None, threading.active_count)
    assert (answers[0].late, answers[0].head) == (["respond"], None)
