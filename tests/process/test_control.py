import asyncio

import pytest

from proxy.process.control import Channel, channel_pair, unheard


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


async def test_a_message_that_cannot_be_heard_costs_no_other(pair, caplog):
    ours, theirs = pair
    heard = []

    def hear(word, text):
        heard.append({"a": 1, "c": 3}[word])

    theirs.listen(asyncio.get_running_loop(), hear)
    for word in "abc":
        ours.send(word)
    theirs.read()
    assert heard == [1, 3]
    assert "KeyError: 'b'" in caplog.text


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


async def test_what_finds_no_room_is_said_later_and_of_each_thing_only_the_last(pair):
    ours, theirs = pair
    loop = asyncio.get_running_loop()
    ours.listen(loop, unheard)
    heard = []
    all_heard = asyncio.Event()

    def hear(word, text):
        heard.append((word, text))
        if word == "known":
            all_heard.set()

    for number in range(3):
        for endpoint in range(1000):
            ours.send("health", f"{number} of {endpoint}" + " " * 500, f"web {endpoint}")
    ours.send("known")
    theirs.listen(loop, hear)
    await asyncio.wait_for(all_heard.wait(), 5)
    last = {text.split()[2]: text.split()[0] for word, text in heard if word == "health"}
    assert last == {str(endpoint): "2" for endpoint in range(1000)}
    assert 1000 < len(heard) < 2001
    assert heard[-1] == ("known", "")


async def test_what_was_said_before_anybody_listened_is_said_then(pair):
    ours, theirs = pair
    for number in range(1000):
        ours.send("health", "x" * 1000, str(number))
    assert ours._unsent
    heard = []
    loop = asyncio.get_running_loop()
    ours.listen(loop, unheard)
    done = asyncio.Event()
    theirs.listen(loop, lambda word, text: heard.append(word) or (len(heard) == 1000 and done.set()))
    await asyncio.wait_for(done.wait(), 5)
    assert not ours._unsent


def test_sending_never_waits_and_never_fails(pair):
    ours, theirs = pair
    for _ in range(20):
        ours.send("reopen", "x" * 50_000)  # nobody reads: the buffer is full long before the end
    assert len(ours._unsent) == 1
    theirs.close()
    ours.send("drain")
    assert not ours._unsent
    assert isinstance(theirs, Channel)
    assert theirs._sock.fileno() == -1
    assert ours._sock.fileno() >= 0
