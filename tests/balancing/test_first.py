from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing.first import First
from tests.balancing.fakes import WEIGHTS, FakeExchange, endpoints_of

ANY = FakeExchange()


@given(WEIGHTS, st.data())
def test_the_first_of_the_list_that_is_left(weights, data):
    endpoints = endpoints_of(*weights)
    strategy = First()
    strategy.rebuild(endpoints)
    tried = data.draw(st.lists(st.sampled_from(endpoints), unique_by=id))
    left = [endpoint for endpoint in endpoints if endpoint not in tried]
    assert strategy.pick(ANY, tried) is (left[0] if left else None)


def test_endpoints_fill_up_one_after_another():
    endpoints = endpoints_of(1, 5, 1)
    strategy = First()
    strategy.rebuild(endpoints)
    for _ in range(9):
        strategy.pick(ANY, {endpoint for endpoint in endpoints if endpoint.in_flight == 4}).in_flight += 1
    assert [endpoint.in_flight for endpoint in endpoints] == [4, 4, 1]
