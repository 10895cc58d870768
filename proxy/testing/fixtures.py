"""For pytest: `pytest_plugins = ["proxy.testing.fixtures"]` in a conftest.py.

    def test_it(test_proxy):
        proxy = test_proxy("config.yaml", endpoints={"web": app})
        assert proxy.get("/").status == 200
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from proxy.testing.proxy import Source, TestProxy


class MakeProxy(Protocol):
    """What the fixture gives."""

    def __call__(self, config: Source, endpoints: Mapping[str, Any] | None = None) -> TestProxy:
        """A proxy that runs to the end of the test."""


@pytest.fixture
def test_proxy() -> Iterator[MakeProxy]:
    """Makes proxies that run to the end of the test."""
    with ExitStack() as stack:
        def make(config: Source, endpoints: Mapping[str, Any] | None = None) -> TestProxy:
            return stack.enter_context(TestProxy(config, endpoints))

        yield make
