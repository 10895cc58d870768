import pytest

from proxy.upstream import h1, tunnel
from tests.fakes import FakeClock
from tests.upstream.stage import Upstream


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    for room in (h1, tunnel):
        monkeypatch.setattr(room, "monotonic", clock)
    return clock


@pytest.fixture
def upstream(clock):
    """Makes the stage of a test; see `Upstream`."""
    made = []

    def make(**options):
        made.append(Upstream(clock, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
