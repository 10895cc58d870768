import asyncio

import pytest
import uvloop

from tests.downstream.stage import Stage, frozen


@pytest.fixture
def clock(monkeypatch):
    return frozen(monkeypatch)


@pytest.fixture
def stage(clock):
    """Makes the stage of a test; see `Stage`."""
    return lambda **options: Stage(clock, **options)


def pytest_asyncio_loop_factories():
    """What has to do with real sockets holds on both loops: they tell of things in different orders."""
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
