"""A directory to serve, and a pool to forward to."""

import time
from types import SimpleNamespace

import pytest

from proxy.handlers import forwarding
from tests.handlers.sites import SECRET
from tests.handlers.stage import Setting


@pytest.fixture
def site(tmp_path):
    """`site/` is served; `secret.txt` and `outside/` lie beside it."""
    root = tmp_path / "site"
    (root / "css").mkdir(parents=True)
    (root / "css" / "a.css").write_bytes(b"body {}")
    (root / "index.html").write_bytes(b"<p>home")
    (root / "empty.bin").write_bytes(b"")
    (root / ".env").write_bytes(SECRET)
    (root / ".well-known").mkdir()
    (root / ".well-known" / "security.txt").write_bytes(b"Contact: us")
    (root / ".well-known" / ".key").write_bytes(SECRET)
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "inner.txt").write_bytes(SECRET)
    return root


@pytest.fixture
def settled(monkeypatch):
    """Files that the test just made are old enough for their times to tell states apart."""
    clock = SimpleNamespace(time=lambda: time.time() + 10)
    monkeypatch.setattr("proxy.handlers.representation.time", clock)


@pytest.fixture
async def setting(monkeypatch):
    """Makes the setting of a test; in the end no endpoint works on anything any more, and nobody waits."""
    made = []

    def make(**options):
        made.append(Setting(**options))
        monkeypatch.setattr(forwarding, "connect", made[-1].connect)
        return made[-1]

    yield make
    for one in made:
        one.close()
