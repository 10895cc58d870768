import asyncio

import pytest
import uvloop

from proxy.clock import WALL
from proxy.downstream import h1, h1_exchange
from tests.downstream.stage import Stage
from tests.fakes import FakeClock


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    for room in (h1, h1_exchange):
        monkeypatch.setattr(room, "monotonic", clock)
    monkeypatch.setattr(WALL, "date_line", b"Date: now\r\n")
    return clock


@pytest.fixture
def stage(clock):
    """Makes the stage of a test; see `Stage`."""
    return lambda **options: Stage(clock, **options)


def pytest_asyncio_loop_factories():
    """What has to do with real sockets holds on both loops: they tell of things in different orders."""
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
