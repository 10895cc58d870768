"""How the tests of this room make a handler and ask it."""

from __future__ import annotations

import os

from proxy.config.static_schema import StaticConfig
from proxy.handlers.static import Static
from proxy.handlers.static_cache import Shelf
from tests.fakes import FakeExchange, FakeLoop

SECRET = b"never served"


def make_static(root, prefix=b"/", shelf=None, **options):
    """The options as a configuration writes them."""
    return Static(StaticConfig(root=str(root), **options), prefix, shelf or Shelf())


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
