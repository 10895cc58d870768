"""The desk's questions through a relay, with children that are this process."""

import asyncio
import json

import pytest

from proxy.process import asking
from proxy.process.asking import Asker, NoAnswer, Relay
from proxy.process.control import channel_pair
from proxy.process.crew import Child, Slot


class House:
    """A relay, a desk and so many workers; each child's far end is answered from `answers`."""

    def __init__(self, loop, workers=2):
        self.loop = loop
        self.channels = []
        self.answers = {"double": lambda args: 2 * args["of"], "name": self.broken}
        self.slots = [Slot("worker", number) for number in range(workers)]
        self.desk = Slot("desk")
        self.relay = Relay(self.desk, self.answers, lambda of: [slot.child for slot in self.slots])
        for slot in self.slots:
            self.hire(slot, self.serve)
        far = self.hire(self.desk, None)
        self.asker = Asker(far.send)
        far.listen(loop, self.asker.told)

    def broken(self, args):
        raise NoAnswer("I have none")

    def hire(self, slot, serve):
        ours, theirs = channel_pair()
        self.channels += [ours, theirs]
        child = slot.child = Child(len(self.channels), slot, ours)
        ours.listen(self.loop, lambda word, text: self.told(child, word, text))
        if serve is not None:
            theirs.listen(self.loop, lambda word, text: serve(theirs, text))
        return theirs

    def serve(self, theirs, text):
        asking.answer(self.answers, text, theirs.send)

    def told(self, child, word, text):
        if word == asking.ASK:
            self.relay.ask(child, text)
        else:
            self.relay.answered(child, text)


@pytest.fixture
async def house():
    made = House(asyncio.get_running_loop())
    yield made
    for channel in made.channels:
        channel.close()


async def test_all_workers_answer(house):
    question = await house.asker.ask("workers", "double", {"of": 21})
    assert question.values == {"worker 0": 42, "worker 1": 42}
    assert not question.errors


async def test_the_supervisor_answers_for_itself(house):
    assert await house.asker.ask_one(asking.SUPERVISOR, "double", {"of": 4}) == 8
    everybody = await house.asker.ask("all", "double", {"of": 1})
    assert everybody.values == {"worker 0": 2, "worker 1": 2, "supervisor": 2}


async def test_what_nobody_knows_is_an_error(house):
    question = await house.asker.ask("workers", "tripl", {})
    assert question.errors == dict.fromkeys(("worker 0", "worker 1"), "'tripl' is not known here")


async def test_a_reason_comes_back(house):
    with pytest.raises(NoAnswer, match="I have none"):
        await house.asker.ask_one("workers", "name")


async def test_a_defect_is_an_error_and_is_logged(house, caplog):
    question = await house.asker.ask("workers", "double", {})
    assert question.errors == dict.fromkeys(("worker 0", "worker 1"), "'of'")
    assert "asked for double and failed" in caplog.text


async def test_an_answer_may_take_its_time(house):
    promised = []
    house.answers["later"] = lambda args: promised.append(house.loop.create_future()) or promised[-1]
    asked = asyncio.create_task(house.asker.ask("workers", "later"))
    while len(promised) < 2:
        await asyncio.wait([asked], timeout=0.01)
    promised[0].set_result("here")
    promised[1].set_exception(NoAnswer("not yet"))
    question = await asked
    assert sorted(question.values.values()) == ["here"]
    assert sorted(question.errors.values()) == ["not yet"]


async def test_a_desk_that_was_replaced_has_the_supervisors_answer(house):
    promised = house.loop.create_future()
    house.answers["later"] = lambda args: promised
    asked = asyncio.create_task(house.asker.ask_one(asking.SUPERVISOR, "later"))
    await asyncio.wait([asked], timeout=0.05)
    house.hire(house.desk, None)
    promised.set_result("here")
    assert await asked == "here"


async def test_who_keeps_silent_is_waited_for_so_long(house):
    house.answers["never"] = lambda args: house.loop.create_future()
    question = await house.asker.ask("workers", "never", seconds=0.05)
    assert question.errors == dict.fromkeys(("worker 0", "worker 1"), "no answer within 0.05 s")


async def test_who_dies_is_not_waited_for(house):
    house.slots[0].child.channel.send = lambda *message: house.relay.gone(house.slots[0].child)
    question = await house.asker.ask("workers", "double", {"of": 1}, seconds=60)
    assert question.values == {"worker 1": 2}
    assert question.errors == {"worker 0": "it has just ended"}


async def test_a_process_that_does_not_read_is_asked_no_more(house):
    house.slots[0].child.channel.unread = lambda: asking.MOST_UNREAD
    question = await house.asker.ask("workers", "double", {"of": 1})
    assert question.values == {"worker 1": 2}


async def test_nobody_to_ask(house):
    house.slots.clear()
    with pytest.raises(NoAnswer, match="there is no lookout now"):
        await house.asker.ask_one("lookout", "double")


async def test_late_answers_disturb_nobody(house):
    said = json.dumps({"id": "1-1", "from": "worker 0", "value": 1})
    assert house.asker.told(asking.ANSWER, said)
    assert not house.asker.told("event", "{}")
