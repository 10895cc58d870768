import pytest

from tests.authority import Authority
from tests.exams.judges import Echo
from tests.scenarios.support import HOST, Stage, free_port

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
    tls = Authority(stage.folder).tls("localhost", HOST)
    listen = f"listen: ['{HOST}:0', {{address: 'localhost:0', tls: {tls}}}]\n"
    return stage.proxy(listen + YAML % echo.address)


@pytest.fixture
def before_judge(loop, tmp_path):
    """A proxy and the port of its only endpoint, where the judge itself will listen."""
    with Stage(tmp_path) as stage:
        port = free_port()
        yield stage.proxy(YAML % f"127.0.0.1:{port}", loop=loop), port
