import pytest

from proxy.balancing.first import First
from proxy.upstream.guarded import Guarded
from tests.balancing.fakes import FakeEndpoint
from tests.fakes import FakeExchange


class Broken:
    def rebuild(self, endpoints):
        raise KeyError("no such")

    def pick(self, exchange, tried):
        return 1 // 0


def test_a_strategy_that_works_is_asked():
    strategy = Guarded(First())
    strategy.rebuild("abc")
    assert [strategy.pick(FakeExchange(), tried) for tried in ((), "a", "ab", "abc")] == ["a", "b", "c", None]


@pytest.mark.parametrize("tried, left", [((), "a"), ("a", "b"), ("abc", None)])
def test_one_that_raises_costs_nobody_an_answer(tried, left, monkeypatch):
    lines = []
    monkeypatch.setattr(
        "proxy.upstream.guarded.failures.warn", lambda text, *words: lines.append(text % words))
    strategy = Guarded(Broken())
    strategy.rebuild("abc")
    assert strategy.pick(FakeExchange(), tried) == left
    assert lines == [
        "rebuild of the strategy Broken failed: KeyError: 'no such'",
        "pick of the strategy Broken failed: ZeroDivisionError: integer division or modulo by zero"]


class Stubborn:
    def __init__(self, picked):
        self.picked = picked

    def rebuild(self, endpoints):
        pass

    def pick(self, exchange, tried):
        return self.picked


@pytest.mark.parametrize("picked, tried, left", [
    ("a", "", "a"), ("a", "a", "b"), ("x", "", "a"), ("a", "abc", None)])
def test_what_was_tried_or_is_not_there_is_not_tried_again(picked, tried, left):
    """Else an endpoint that is full, or refuses, would be tried for ever."""
    strategy = Guarded(Stubborn(picked))
    strategy.rebuild("abc")
    assert strategy.pick(FakeExchange(), tried) == left


class Telling:
    def __init__(self, told):
        self.told = told

    def rebuild(self, endpoints):
        pass

    def pick(self, exchange, tried):
        return None

    def explain(self, exchange):
        return self.told()


def test_what_a_strategy_tells_of_itself_is_passed_on():
    endpoint = FakeEndpoint("a")
    assert Guarded(Telling(lambda: [(endpoint, 1.0, "near")])).explain(None) == [(endpoint, 1.0, "near")]
    assert Guarded(Telling(lambda: 1 / 0)).explain(None) == ()


def test_it_need_not_tell_anything():
    class Silent(Telling):
        explain = None

    assert Guarded(Silent(list)).explain(None) == ()
