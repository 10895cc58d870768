import pytest

from tests.faults.figures import REPORT
from tests.faults.stage import FaultStage


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "/faults/" in item.path.as_posix():
            item.add_marker(pytest.mark.scenario)
    if "long" not in config.option.markexpr:  # they take minutes: `make test-long`
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter):
    """The figures, whether or not a goal was missed."""
    if REPORT:
        terminalreporter.section("faults: figures")
        for line in REPORT:
            terminalreporter.write_line(line)
        REPORT.clear()


@pytest.fixture
def stage(tmp_path):
    with FaultStage(tmp_path) as made:
        yield made
