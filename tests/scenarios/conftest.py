import pytest

from tests.scenarios.support import Stage


def pytest_collection_modifyitems(items):
    for item in items:
        if "/scenarios/" in item.path.as_posix():
            item.add_marker(pytest.mark.scenario)


@pytest.fixture
def stage(tmp_path):
    """Starts what a test needs; ends it, and looks at how the proxy ended."""
    with Stage(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The same, for all tests of a module."""
    with Stage(tmp_path_factory.mktemp("shared")) as made:
        yield made
