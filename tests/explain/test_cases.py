import pytest

from proxy.config.load import loads
from proxy.explain.cases import run
from tests.explain.conftest import CONFIG


async def differences(tmp_path, line):
    (tmp_path / "a.css").write_text("a { color: red }" * 100)
    results = await run(loads(f"{CONFIG}tests: ['{line}']\n", folder=tmp_path))
    return list(results[0].differences)


@pytest.mark.parametrize("line", [
    "GET /static/a.css -> static, 200",
    "GET /static/a.css -> static a.css, header Cache-Control max-age=3600, header ETag",
    "GET /static/b.css -> static, 404",
    "GET / from 203.0.113.9 with Cookie x -> pool web, sends X-Real-IP 203.0.113.9, route rest, sends Cookie",
    "GET /old/x -> redirect /new/x, 301",
    "GET /old/x -> redirect",
    "GET /ping with X-Beta yes -> respond, 200",
    "GET /ping -> 404",
    "GET /page/..%2f..%2fsmall -> refused, 400",
    "POST /small body 11 -> refused, 413",
    "POST /small body 10 -> pool web",
    "GET / with Content-Length x -> refused, 400",
    "GET / with X-Forwarded-For 203.0.113.9 from 10.0.0.1 -> sends X-Forwarded-For 203.0.113.9, 10.0.0.1",
    "GET https://a.example/page -> sends Host a.example",
])
async def test_what_is_so_passes(tmp_path, line):
    line = line.replace("203.0.113.9, 10.0.0.1", '"203.0.113.9, 10.0.0.1"')
    assert await differences(tmp_path, line) == []


@pytest.mark.parametrize("line, wanted, got", [
    ("GET /static/a.css -> pool web", "pool web", "static "),
    ("GET /static/a.css -> static b.css", "static b.css", "static "),
    ("GET /mine -> pool web", "pool web", "pool sticky"),
    ("GET /old/x -> redirect /x", "redirect /x", "redirect /new/x"),
    ("GET /old/x -> 308", "308", "301"),
    ("GET /nowhere -> pool web", "pool web", "404: no route matches"),
    ("GET / -> route live", "route live", "route rest"),
    ("GET /nowhere -> route live", "route live", "no route"),
    ("GET / -> refused", "refused", "reverse_proxy"),
    ("GET /nowhere -> refused", "refused", "404: no route matches"),
    ("GET / with Host a -> respond", "respond", "pool web"),
    ("GET / with Content-Length x -> pool web", "pool web", "refused, 400: Content-Length"),
    ("GET / -> header Server", "header Server", "no Server"),
    ("GET / -> sends Via x", "sends Via x", "sends Via 1.1 proxy"),
    ("GET /old/x -> sends Via", "sends Via", "nothing is sent to an endpoint"),
])
async def test_what_is_not_so_is_told(tmp_path, line, wanted, got):
    ((told, found),) = await differences(tmp_path, line)
    assert told == wanted
    assert found.startswith(got)
