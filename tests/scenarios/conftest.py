import pytest

from tests.scenarios.support import LOOPS, OK, Stage


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


# Many tests play with a plain proxy of either loop: started once in each module.


@pytest.fixture(scope="module", params=LOOPS)
def loop(request):
    return request.param


@pytest.fixture(scope="module")
def played(shared, loop):
    return shared.origin()


@pytest.fixture
def origin(played):
    """An endpoint that the test plays."""
    yield played
    played.start_over()  # the proxy keeps no connection from one test to the next


@pytest.fixture(scope="module")
def before(shared, played, loop):
    """Starts proxies before `origin`, one for each set of options (see `Stage.before`)."""
    started = {}

    def start(**options):
        key = tuple(options.items())
        if key not in started:
            started[key] = shared.before(played, loop=loop, **options)
        return started[key]

    return start


@pytest.fixture
def proxy(origin, before):
    """A plain proxy before `origin`."""
    return before()


@pytest.fixture(scope="module")
def answered(shared, loop):
    """A plain proxy before an endpoint that always answers OK."""
    return shared.before(shared.origin(OK), loop=loop)
