import pytest

from proxy.config.load import warnings_of


def warnings(read, *matches):
    routes = "".join(f"  - {{match: {{{match}}}, respond: {{}}}}\n" for match in matches)
    return list(warnings_of(read(f"listen: a:1\nroutes:\n{routes}")))


@pytest.mark.parametrize(
    "first, second",
    [
        ("", "path: /a"),
        ("", "host: a.example"),
        ("path: /*", ""),
        ("path: /a/*", "path: /a/b/*"),
        ("path: /a/*", "path: /a/"),
        ("path: [/b, /a/*]", "path: [/a/x, /b], method: GET"),
        ("path: '~^/a'", "path: '~^/a', host: a.example"),
        ("path: /a", "path: /a"),
    ],
)
def test_routes_that_never_answer(read, first, second):
    assert warnings(read, first, second) == [
        "config.yaml:4:5: routes[1]: never answers: routes[0] ('route 1') takes all of it before"
    ]


@pytest.mark.parametrize(
    "first, second",
    [
        ("path: /a", ""),
        ("path: /a/*", "path: /a"),
        ("path: /a/*", "path: [/a/b, /c]"),
        ("path: /a/*", "path: /ab/*"),
        ("path: /a/*", "path: '~^/a/'"),
        ("path: /a/*", "host: a.example"),
        ("path: /*, method: GET", "path: /a"),
        ("host: a.example", "host: b.example"),
        ("header: {X: true}", ""),
        ("query: {q: true}", ""),
        ("client: 10.0.0.0/8", ""),
        ("scheme: http", ""),
    ],
)
def test_routes_that_do(read, first, second):
    assert warnings(read, first, second) == []


def test_pools_that_nothing_uses(read, good):
    config = read(good.replace("{web:", "{spare: {endpoints: [a:1]}, web:"))
    assert warnings_of(config) == ("config.yaml:2:9: pools.spare: no route uses this pool",)


def test_a_check_that_speaks_what_requests_do_not(read, good):
    """An endpoint that wants TLS would be up, and answer nobody."""
    config = read(good.replace("{web: {", "{web: {health_check: {tls: true}, "))
    assert warnings_of(config) == (
        "config.yaml:2:30: pools.web.health_check.tls: requests go to endpoints without TLS all the same",)


def test_a_sticky_cookie_of_a_machine_without_an_id(read, good, monkeypatch):
    text = good.replace("{web: {", "{web: {sticky: {cookie: lb}, ")
    monkeypatch.setattr("proxy.machine.has_id", lambda: True)
    assert warnings_of(read(text)) == ()
    monkeypatch.setattr("proxy.machine.has_id", lambda: False)
    [line] = warnings_of(read(text))
    assert line.startswith("config.yaml:2:15: pools.web.sticky: this machine has no id")
    assert warnings_of(read(text.replace("{cookie: lb}", "{secret: abcdefghijklmnop}"))) == ()


def test_a_good_file_has_none(read, good):
    assert warnings_of(read(good)) == ()


@pytest.mark.parametrize("manifest, place", [("m.json", "4:22"), ("[file, m.json]", "4:39")])
def test_manifests_that_are_not_there(read, site, manifest, place):
    text = f"listen: a:1\nroutes:\n  - static:\n      {{root: public, manifest: {manifest}}}\n"
    [line] = warnings_of(read(text))
    assert f"{site}/m.json' is not there" in line
    assert f":{place}: routes[0].static.manifest" in line
    (site / "m.json").write_text("{}")
    assert not warnings_of(read(text))
