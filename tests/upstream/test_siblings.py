from proxy.upstream.endpoint import Endpoint, Order
from proxy.upstream.idle import IdleLimit
from proxy.upstream.siblings import endpoints_at, places_of, weigh


def endpoint_of(name, **more):
    return Endpoint(name, "app", 80, 2, IdleLimit(9.0), 4, **more)


def test_an_address_that_stays_is_the_same_and_a_new_one_stands_like_its_name():
    one = endpoint_of("10.0.0.1:80", origin="app:80", priority=3)
    one.order = one.name_order = Order.DRAIN
    one.probe_failure = "HTTP 500"
    same, new = endpoints_at(["10.0.0.1:80", "[::1]:81"], [one], {"[::1]:81": (2, 50)})
    assert same is one
    assert (new.host, new.port, new.origin, new.order, new.probe_failure) == (
        "::1", 81, "app:80", Order.DRAIN, "HTTP 500")
    assert (new.group, new.percent, one.group, one.percent) == ((3, 2), 50, (3, 0), 100)


def test_known_by_its_place_and_by_its_name():
    assert places_of(endpoint_of("app:80")) == {("app", 80)}
    assert places_of(endpoint_of("10.0.0.1:80", origin="app.internal:8000"),
                     endpoint_of("10.0.0.2:80", origin="b:1")) == {
        ("app", 80), ("app.internal", 8000), ("b", 1)}
    assert places_of(endpoint_of("10.0.0.1:80", origin="_http._tcp.app.internal")) == {
        ("app", 80), ("_http._tcp.app.internal", 0)}


def test_weights_are_finer_only_where_somebody_has_a_part():
    one, other = endpoint_of("a:1"), endpoint_of("a:2")
    weigh([one, other])
    assert (one.weight, other.weight) == (2, 2)
    other.percent = 150
    weigh([one, other])
    assert (one.weight, other.weight) == (200, 300)
