import asyncio

import pytest

from proxy.process.control import Channel, channel_pair


@pytest.fixture
def pair():
    ours, theirs = channel_pair()
    yield ours, theirs
    ours.close()
    theirs.close()


async def test_messages_arrive_in_order(pair):
    ours, theirs = pair
    heard = []
    theirs.listen(asyncio.get_running_loop(), lambda word, text: heard.append((word, text)))
    ours.send("ready")
    ours.send("failed", "a\nb \udcff")
    theirs.read()
    assert heard == [("ready", ""), ("failed", "a\nb \udcff")]


async def test_a_message_in_pieces_is_one_message(pair):
    ours, theirs = pair
    heard = []
    theirs.listen(asyncio.get_running_loop(), lambda word, text: heard.append((word, text)))
    for byte in b'["drain", ""]\n':
        ours._sock.send(bytes([byte]))
        theirs.read()
    assert heard == [("drain", "")]


async def test_the_peers_end_is_told_once_after_its_last_words(pair):
    ours, theirs = pair
    heard = []
    ended = asyncio.Event()

    def end():
        heard.append("end")
        ended.set()

    theirs.listen(asyncio.get_running_loop(), lambda word, text: heard.append(word), end)
    ours.send("failed")
    ours.close()
    await asyncio.wait_for(ended.wait(), 5)
    await asyncio.sleep(0)
    assert heard == ["failed", "end"]


def test_sending_never_waits_and_never_fails(pair):
    ours, theirs = pair
    for _ in range(20):
        ours.send("reopen", "x" * 50_000)  # nobody reads: the buffer is full long before the end
    theirs.close()
    ours.send("drain")
    assert isinstance(theirs, Channel)
    assert theirs._sock.fileno() == -1
    assert ours._sock.fileno() >= 0
