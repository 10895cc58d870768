"""What scenarios have, and origins that can be killed."""

import asyncio
import sys
from time import perf_counter

from tests.scenarios.support import Program, Stage

AWAY = 5  # seconds that an outage lasts
NAMES = "ada", "bruno", "clara"


class Chaos(Program):
    """An origin of `chaos` in a process of its own."""

    ready = r"origin \S+ on (\S+)"


class FaultStage(Stage):
    def chaos(self, name, port=0):
        command = [sys.executable, "-m", "tests.faults.chaos", name, str(port)]
        running = Chaos(command, self.folder / self._name(name), {})
        self.push(running.end)
        running.wait_ready()
        return running


def configuration(*endpoints, pool="", more=""):
    """One pool for all paths; no access log, as lines for thousands of requests help nobody.

    `pool` are further keys of it: `key: value, ...`.
    """
    pool = f"pools: {{web: {{endpoints: [{', '.join(endpoints)}], {pool}}}}}"
    return f"access_log: false\n{pool}\nroutes: [{{reverse_proxy: web}}]\n{more}"


class Kills:
    """Origins in processes of their own that are killed and started again, in turn or the same one."""

    def __init__(self, stage):
        self.stage = stage
        self.origins = [stage.chaos(name) for name in NAMES]
        self.addresses = [origin.address for origin in self.origins]
        self.times = []  # (before the kill, when it was dead)

    def kill(self):
        """The first one."""
        origin = self.origins.pop(0)
        before = perf_counter()
        origin.process.kill()
        origin.wait()
        self.times.append((before, perf_counter()))
        return origin

    async def start(self, origin, *, first=False):
        """Start it again; it is the next to be killed, or the last."""
        again = await asyncio.to_thread(self.stage.chaos, "again", origin.port)
        self.origins.insert(0 if first else len(self.origins), again)

    def met(self, one):
        """Whether the request was under way at a kill."""
        return any(one.sent <= dead and killed <= one.ended for killed, dead in self.times)


class Outage:
    """Three origins that are killed together, and started again after a while.

    Attributes:
        began, complete: before the first kill, and when all were dead.
        over, back: when the first one is started again, and when it listens.
    """

    def __init__(self, stage):
        self.stage = stage
        self.origins = [stage.chaos(name) for name in NAMES]
        self.addresses = [origin.address for origin in self.origins]

    async def pass_over(self):
        self.began = perf_counter()
        for origin in self.origins:
            origin.process.kill()
        for origin in self.origins:
            origin.wait()
        self.complete = perf_counter()
        await asyncio.sleep(AWAY)
        self.over = perf_counter()
        for origin in self.origins:
            await asyncio.to_thread(self.stage.chaos, "again", origin.port)
            self.back = getattr(self, "back", perf_counter())
