"""How the tests of this room make a handler and ask it."""

from __future__ import annotations

import os
from functools import partial

from proxy.config.static_schema import StaticConfig
from proxy.handlers.static import Static
from proxy.handlers.static_cache import Shelf
from tests.fakes import FakeExchange, FakeLoop, FakeThread

SECRET = b"never served"


def make_static(root, prefix=b"/", shelf=None, **options):
    """The options as a configuration writes them."""
    return Static(StaticConfig(root=str(root), **options), prefix, shelf or Shelf())


class HeldLoop(FakeLoop):
    """A loop whose threads do nothing until the test says so; then they work in their order."""

    def __init__(self):
        super().__init__()
        self.held = []

    def run_in_executor(self, pool, work, *args):
        self.held.append(HeldThread(partial(work, *args)))
        return self.held[-1]

    def let_go(self):
        while self.held:
            self.held.pop(0).end()


class HeldThread:
    """The future of work that is done at `end`."""

    def __init__(self, work):
        self.work = work

    def add_done_callback(self, call):
        self.call = call

    def end(self):
        self.call(FakeThread(self.work))


def ask(handler, target, fields=(), **options):
    """Have a handler answer one request."""
    options.setdefault("loop", FakeLoop())
    exchange = FakeExchange(target, fields, **options)
    handler.handle(exchange)
    return exchange


def descriptors(path):
    """The files below a directory that this process holds open."""
    held = []
    for number in os.listdir("/proc/self/fd"):
        try:
            held.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            continue
    return [name for name in held if name.startswith(str(path))]
