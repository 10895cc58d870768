import pytest

from proxy.config.differences import differences, outline
from proxy.config.load import loads

BEFORE = """
listen: 127.0.0.1:1
pools:
  web: {endpoints: [a:1, {address: b:1, weight: 2}], sticky: {secret: sixteen-letters-1}}
  old: {endpoints: [x:1]}
routes:
  - match: {path: /a/*}
    reverse_proxy: web
  - match: {host: h.example, method: GET}
    reverse_proxy: web
  - name: last
    reverse_proxy: web
"""


def lines(*changes):
    text = BEFORE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return list(map(str, differences(outline(loads(BEFORE)), outline(loads(text)))))


def test_nothing():
    assert lines() == []
    assert lines(("[a:1, ", "[{address: a:1, weight: 1}, ")) == []


@pytest.mark.parametrize(("old", "new", "said"), [
    ("127.0.0.1:1", "[127.0.0.1:1, 127.0.0.1:2]", ["listen[127.0.0.1:2]: added"]),
    ("weight: 2", "weight: 3", ["pools.web.endpoints[b:1].weight: 2 -> 3"]),
    ("[a:1, ", "[c:1, ", ["pools.web.endpoints[c:1]: added", "pools.web.endpoints[a:1]: removed"]),
    ("a:1, {address: b:1, weight: 2}", "{address: b:1, weight: 2}, a:1",
     ["pools.web.endpoints: in another order"]),
    ("  old: {endpoints: [x:1]}", "  new: {endpoints: [x:1]}", ["pools.new: added", "pools.old: removed"]),
    ("sixteen-letters-1", "sixteen-letters-2", ["pools.web.sticky.secret: changed (a secret)"]),
    ("sticky:", "queue: {size: 5}, sticky:", ["pools.web.queue: added"]),
    (", sticky: {secret: sixteen-letters-1}", "", ["pools.web.sticky: removed"]),
    ("/a/*", "/b/*", ["routes[/b/*]: added", "routes[/a/*]: removed"]),
    ("method: GET", "method: POST", ["routes[POST h.example]: added", "routes[GET h.example]: removed"]),
    ("name: last\n    reverse_proxy: web", "name: last\n    respond: {status: 404}",
     ["routes[last].reverse_proxy: web -> null", "routes[last].respond: added"]),
    ("pools:", "timeouts: {connect: 300ms}\ntrusted_proxies: [10.0.0.0/8]\naccess_log: false\npools:",
     ["trusted_proxies: none -> 10.0.0.0/8", "access_log: removed", "timeouts.connect: 5s -> 300ms"]),
    ("routes:", "routes:\n  - match: {path: /new}\n    respond: {status: 200}", ["routes[/new]: added"]),
])
def test_one_thing(old, new, said):
    assert lines((old, new)) == said


def test_a_difference_is_one_line():
    old, new = (loads(f'listen: a:1\nroutes: [{{respond: {{body: "{body}"}}}}]') for body in ("a\\n", "b\\n"))
    assert list(map(str, differences(outline(old), outline(new)))) == [
        r"routes[everything].respond.body: a\n -> b\n"]


def test_routes_for_the_same_are_told_apart():
    extra = "\n  - reverse_proxy: old\n  - match: {path: /a/*}\n    reverse_proxy: old\n"
    assert lines(("  - name: last", extra + "  - name: last")) == [
        "routes[everything]: added", "routes[/a/* (2)]: added"]


def test_no_secret_is_in_an_outline():
    assert "sixteen" not in str(outline(loads(BEFORE)))


def test_long_values_are_cut():
    found = lines(("pools:", f"trusted_proxies: {[f'10.{n}.0.0/16' for n in range(50)]}\npools:"))
    assert len(found[0]) < 140
    assert found[0].endswith("...")
