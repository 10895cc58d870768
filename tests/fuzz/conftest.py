"""A bar while `make fuzz` runs, and what came of it; and no log lines, which would bury the one case."""

import logging

import pytest

from tests.fuzz.cases import TALLY, each, is_long


@pytest.fixture(autouse=True, scope="module")
def quiet():
    logger = logging.getLogger("proxy")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(before)


def pytest_collection_finish(session):
    TALLY.planned = each() * sum(item.get_closest_marker("hypothesis") is not None for item in session.items)
    if is_long() and session.config.get_terminal_writer().hasmarkup:
        TALLY.watch = Bar(session.config)


class Bar:
    """One line that is written over."""

    WIDTH = 40

    def __init__(self, config):
        self._terminal = config.pluginmanager.getplugin("terminalreporter")
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def __call__(self, tally):
        done = min(tally.tried / tally.planned, 1)
        filled = "#" * int(done * self.WIDTH)
        with self._capture.global_and_fixture_disabled():
            self._terminal.write(f"\r[{filled:.<{self.WIDTH}}] {tally.tried:,} of {tally.planned:,} cases ",
                flush=True)


def pytest_terminal_summary(terminalreporter):
    if is_long() and TALLY.tried:
        disagreements = len(terminalreporter.stats.get("failed", ()))
        terminalreporter.write_line(f"{TALLY.tried:,} cases, properties with a disagreement: {disagreements}")
