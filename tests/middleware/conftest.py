import pytest

from proxy.clock import WALL
from proxy.downstream import h1, h1_exchange
from tests.fakes import FakeClock


@pytest.fixture
def clock(monkeypatch):
    """Of the connections that middlewares are tested on."""
    clock = FakeClock()
    for room in (h1, h1_exchange):
        monkeypatch.setattr(room, "monotonic", clock)
    monkeypatch.setattr(WALL, "date_line", b"Date: now\r\n")
    return clock
