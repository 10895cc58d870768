import pytest

from tests.exams.judges import Echo
from tests.scenarios.support import Stage, free_port

YAML = """
timeouts: {request_head: 5s}
pools:
  web: {endpoints: ["%s"]}
routes:
  - reverse_proxy: web
"""


def pytest_collection_modifyitems(items):
    for item in items:
        if "/exams/" in item.path.as_posix():
            item.add_marker(pytest.mark.exam)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("exam")) as made:
        yield made


@pytest.fixture(scope="module")
def before_echo(stage):
    """A proxy before the judges' strict origin."""
    echo = Echo(stage.folder / "echo", free_port())
    stage.push(echo.end)
    echo.wait_ready()
    return stage.proxy(YAML % echo.address)


@pytest.fixture
def before_judge(loop, tmp_path):
    """A proxy and the port of its only endpoint, where the judge itself will listen."""
    with Stage(tmp_path) as stage:
        port = free_port()
        yield stage.proxy(YAML % f"127.0.0.1:{port}", loop=loop), port
