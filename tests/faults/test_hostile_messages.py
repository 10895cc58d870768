"""Broken replies and smuggled requests amid a good load: F4 and F24 of the fault plan.

Each request has a mark of its own, which its answer must bear: whatever is mixed up shows.
"""

import asyncio
import random
import re
import socket

from tests.faults.bad_replies import BROKEN, SURPLUS, UNASKED
from tests.faults.chaos import Origin
from tests.faults.figures import MIB, Figures, Watch
from tests.faults.load import CUT, OK, STATUS, Ask, Client, Load, reached
from tests.faults.smuggling import ATTACKS
from tests.faults.stage import configuration

SIZE = 5000
BREAKS = ("reset", "half_close", "truncate", "garbage")


def bad_asks(seed):
    """An endless mixture: half of the requests are answered well, the other half as badly as can be."""
    chance = random.Random(seed)
    names = sorted(BROKEN | SURPLUS)

    def make():
        kind = chance.random()
        if kind < 0.5:
            return Ask(size=chance.choice((0, 0, 3000, 100_000)), query=chance.choice(("", "chunked=1")))
        if kind < 0.75:
            return Ask(query=f"reply={chance.choice(names)}")
        return Ask(size=SIZE, query=f"fault={chance.choice(BREAKS)}&after={chance.randrange(SIZE // 2)}")

    return make


def test_broken_replies_under_load(stage):
    """F4: a 502 or a visible cut, and never an answer of another's."""

    async def scenario():
        replies = BROKEN | SURPLUS
        async with Origin("ada", replies=replies) as ada, Origin("bruno", replies=replies) as bruno:
            proxy = stage.proxy(configuration(ada.address, bruno.address))
            async with Watch(proxy) as watch, Load(proxy.place, bad_asks(4)) as load:
                await load.more(100)
                watch.before = watch.now()
                await load.more(2000)
            malformed = ada.malformed + bruno.malformed
            return Figures("F4 broken replies under load", load.outcomes, watch), malformed

    figures, malformed = asyncio.run(scenario())
    ends = {}
    for one in figures.outcomes:
        ends.setdefault(kind_of(one.ask), set()).add((one.kind, one.status))
    bad = sum(kind_of(one.ask) not in {"good", *SURPLUS} for one in figures.outcomes)
    figures.report(f"{bad} of them broken on purpose, {len(ends)} kinds")
    assert figures.wrong == 0, figures.why()
    assert ends.pop("good") == {(OK, 200)}
    for name, found in ends.items():
        allowed = {(OK, 200), (OK, 204), (STATUS, 502)} if name in SURPLUS else {(STATUS, 502), (CUT, 0)}
        assert found <= allowed, f"{name}: {found}"
    assert set(ends) == {"broken", *BROKEN, *SURPLUS}, "some reply was never played"
    assert not malformed
    assert watch_is_flat(figures.watch)


def kind_of(ask):
    found = re.search(r"reply=([\w-]+)", ask.query)
    return found[1] if found else "broken" if "fault=" in ask.query else "good"


def watch_is_flat(watch):
    return watch.growth < 16 * MIB


def test_an_answer_that_nobody_asked_for(stage):
    """What arrives on a kept connection ends it, and is nobody's answer (RFC 9112 section 9.2)."""

    async def scenario():
        async with Origin(replies={"unasked": UNASKED}) as origin:
            proxy = stage.proxy(configuration(origin.address))
            client = Client(proxy.place)
            for _ in range(5):
                assert (await client.ask(Ask(query="reply=unasked"))).kind == OK
                await reached(lambda: origin.connections == 0)
                assert (await client.ask(Ask())).kind == OK
            client.close()
            return origin

    origin = asyncio.run(scenario())
    assert len(origin.requests) == 10
    assert origin.accepted == 6, "the good connection was kept"


async def attack(place, data, loop):
    """Send it on a connection of its own; all that comes back until the end or half a second's silence."""
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, place)
        answer = b""
        try:
            await loop.sock_sendall(sock, data)
            while True:
                async with asyncio.timeout(0.5):
                    piece = await loop.sock_recv(sock, 65536)
                if not piece:
                    return answer
                answer += piece
        except (OSError, TimeoutError):
            return answer


def test_smuggling_amid_a_marked_load(stage):
    """F24: nobody gets an answer of another's, and the origin no request that nobody sent."""

    async def attacker(place, names, answers):
        loop = asyncio.get_running_loop()
        for name in names:
            answers[name] = await attack(place, ATTACKS[name], loop)

    async def scenario():
        async with Origin("ada") as ada, Origin("bruno") as bruno:
            proxy = stage.proxy(configuration(ada.address, bruno.address))
            answers = {}
            async with Watch(proxy) as watch, Load(proxy.place) as load:
                await load.more(100)
                await asyncio.gather(*(
                    attacker(proxy.place, list(ATTACKS)[number::4], answers) for number in range(4)))
                await load.more(100)
            return Figures("F24 smuggling amid marked requests", load.outcomes, watch), answers, ada, bruno

    figures, answers, ada, bruno = asyncio.run(scenario())
    sent = {one.ask.mark for one in figures.outcomes}
    seen = [request for origin in (ada, bruno) for request in origin.requests]
    ours = sent | {"attack"}
    foreign = [one for one in seen if one.mark not in ours or not one.target.startswith("/load")]
    marks = {name: set(re.findall(rb"X-Mark: (\w*)", answer)) for name, answer in answers.items()}
    figures.report(f"{len(answers)} attacks, {sum(one.mark == 'attack' for one in seen)} seen by the origins "
                   f"(as one request each), {len(foreign)} foreign requests")
    assert not foreign
    assert not (ada.malformed + bruno.malformed)
    assert {"smuggled", ""}.isdisjoint(ada.begun + bruno.begun)
    assert {name: found for name, found in marks.items() if found - {b"attack"}} == {}
    assert all(answer.count(b"HTTP/1.1 200") <= 1 for answer in answers.values())
    assert set(answers) == set(ATTACKS)
    assert set(figures.found) == {OK}, figures.why()
    assert sorted(one.mark for one in seen if one.mark != "attack") == sorted(sent), "each exactly once"
