import asyncio
import os
import socket
import threading

import pytest

from proxy.process import hotline
from proxy.process.hotline import Hotline, NotReached, call, name_of


class House:
    """A supervisor's loop in a thread."""

    def __init__(self, file, answer):
        self.loop = asyncio.SelectorEventLoop()
        self.hotline = Hotline(file, answer, self.loop)
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def end(self):
        self.loop.call_soon_threadsafe(self._end)
        self.thread.join()
        self.loop.close()

    def _end(self):
        self.hotline.close()
        self.loop.stop()


@pytest.fixture
def serve(tmp_path):
    houses = []

    def start(answer):
        houses.append(House(str(tmp_path / "a.yaml"), answer))
        return str(tmp_path / "a.yaml")

    yield start
    for house in houses:
        house.end()


def test_a_question_and_its_answer(serve):
    file = serve(lambda asked, reply: reply({"you asked": asked["what"] * 100_000}))
    assert call(file, {"what": "x"}, 5) == {"you asked": "x" * 100_000}
    assert call(os.path.relpath(file), {"what": ""}, 5) == {"you asked": ""}  # however the file is named


def test_nobody_is_there(tmp_path):
    with pytest.raises(NotReached, match="no proxy runs with"):
        call(str(tmp_path / "b.yaml"), {"what": "x"}, 5)


def test_nobody_answers(serve):
    file = serve(lambda asked, reply: None)
    with pytest.raises(NotReached, match="does not answer"):
        call(file, {"what": "x"}, 0.1)


def test_who_is_somebody_else_hears_nothing(serve, monkeypatch):
    heard = []
    file = serve(lambda asked, reply: heard.append(asked))
    monkeypatch.setattr(hotline, "user_of", lambda sock: os.geteuid() + 1)
    with pytest.raises(NotReached):
        call(file, {"what": "x"}, 5)
    assert heard == []


@pytest.mark.parametrize("asked", [b"nonsense\n", b"x" * 5000, b""])
def test_who_talks_nonsense_is_cut(serve, asked):
    file = serve(lambda asked, reply: reply({}))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(name_of(file))
        sock.sendall(asked)
        sock.shutdown(socket.SHUT_WR)
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass
    assert call(file, {}, 5) == {}


def test_the_second_with_a_file_lets_the_first_have_it(serve, caplog):
    caplog.set_level("INFO")
    file = serve(lambda asked, reply: reply({"from": "first"}))
    assert serve(lambda asked, reply: reply({"from": "second"})) == file
    assert call(file, {}, 5) == {"from": "first"}
    assert "another proxy runs with" in caplog.text


async def test_who_calls_while_it_rests_is_answered_by_who_hears_next(tmp_path):
    loop, file = asyncio.get_running_loop(), str(tmp_path / "c.yaml")
    former = Hotline(file, lambda asked, reply: reply({"from": "former"}), loop)
    former.rest()
    heir = Hotline(file, lambda asked, reply: reply({"from": "heir"}), loop, os.dup(former.fileno()))
    caller = loop.run_in_executor(None, call, file, {}, 10)
    await asyncio.wait([caller], timeout=0.05)
    former.leave()
    assert not caller.done()
    heir.hear()
    assert await caller == {"from": "heir"}
    heir.close()
    former.close()


async def test_who_leaves_answers_those_who_have_called_and_gives_the_name_away(tmp_path):
    loop, file, asked = asyncio.get_running_loop(), str(tmp_path / "c.yaml"), asyncio.Event()
    replies = []

    def answer(what, reply):
        replies.append(reply)
        asked.set()

    former = Hotline(file, answer, loop)
    caller = loop.run_in_executor(None, call, file, {}, 10)
    await asked.wait()
    former.leave()
    heir = Hotline(file, lambda asked, reply: reply({"from": "heir"}), loop)
    assert await loop.run_in_executor(None, call, file, {}, 10) == {"from": "heir"}
    replies[0]({"from": "former"})
    assert await caller == {"from": "former"}
    former.close()
    heir.close()
