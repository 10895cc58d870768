import pytest

from tests.conftest import FIGURES
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


def pytest_sessionfinish(session):
    """The figures are shown, whether or not a goal was missed; with -n another process does it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = REPORT
    else:
        session.config.stash.setdefault(FIGURES, []).extend(REPORT)


@pytest.fixture
def stage(tmp_path):
    with FaultStage(tmp_path) as made:
        yield made
