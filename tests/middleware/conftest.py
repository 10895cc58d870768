import pytest

from tests.downstream.stage import frozen


@pytest.fixture
def clock(monkeypatch):
    """Of the connections that middlewares are tested on."""
    return frozen(monkeypatch)
