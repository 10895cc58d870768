import pytest

from proxy.config.log_schema import AccessLog as AccessLogConfig
from proxy.config.log_schema import Unlogged
from proxy.observe.access_log import AccessLog
from proxy.observe.selection import Selection
from proxy.runtime.build_log import condition, open_log, select
from tests.observe.made import entry, exchange_of, lines_of


@pytest.fixture
def opened(tmp_path):
    made = []

    def make(**options):
        config = AccessLogConfig(path=str(tmp_path / "access.log"), **options)
        made.append(open_log(config))
        return made[-1], select(config, made[-1])

    yield make
    for log in made:
        log.close()


def test_the_log_itself_where_nothing_is_chosen(opened):
    log, chosen = opened(format="json", headers=["x-a"], rotate={"size": "1MiB"}, redact={"query": ["q"]})
    assert chosen is log
    log.ended(entry(b"/?q=1", [(b"X-A", b"1")]))
    (line,) = lines_of(log)
    assert b'"/?q=***"' in line
    assert b'"headers": {"x-a": "1"}' in line


@pytest.mark.parametrize("options", [{"slow": "1s"}, {"sample": "10%"}, {"skip": {"path": "/a"}}])
def test_a_selection_where_something_is(opened, options):
    log, chosen = opened(**options)
    assert isinstance(log, AccessLog)
    assert isinstance(chosen, Selection)


@pytest.mark.parametrize("words, met", [
    ({"path": "/a"}, True), ({"path": "/b"}, False), ({"path": "/*", "method": ["POST"]}, False),
    ({"status": "2xx"}, True), ({"status": "200-204,301"}, True), ({"status": [404, "5xx"]}, False),
    ({"path": "/a", "status": "404"}, False), ({"query": {"b": False}}, False), ({"host": "a.example"}, True),
    ({"client": ["192.0.2.0/24"]}, True), ({"header": {"User-Agent": "~^kube"}}, True)])
def test_conditions_are_those_of_routes(words, met):
    exchange = exchange_of(b"/a?b=1", [(b"User-Agent", b"kube-probe/1.2")])
    assert condition(Unlogged(**words))(exchange) is met


def test_standard_output_is_never_put_aside():
    assert open_log(AccessLogConfig(rotate=True))._out._turner is None
