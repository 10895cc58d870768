from __future__ import annotations

import pytest

from proxy.balancing import STRATEGIES, make_strategy
from proxy.balancing.consistent_hash import ConsistentHash
from tests.balancing.fakes import FakeExchange, FakeTarget, endpoints_of

WRONG = '''
import os

class Lacking:
    def rebuild(self, endpoints): ...

class Demanding(Lacking):
    def __init__(self, factor): ...
    def pick(self, exchange, tried): ...

class Number(Lacking):
    pick = 7

class Right(Lacking):
    def pick(self, exchange, tried):
        return None
'''


@pytest.fixture
def modules(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "wrong_strategies.py").write_text(WRONG)
    (tmp_path / "broken_strategies.py").write_text("1 / 0")
    (tmp_path / "deep_strategies").mkdir()
    (tmp_path / "deep_strategies" / "inside.py").write_text(WRONG)


def test_names_are_those_of_the_configuration_in_its_order():
    assert list(STRATEGIES) == [
        "round_robin", "least_connections", "ip_hash", "random_two", "consistent_hash", "least_time", "first"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_is_made_by_its_name(name):
    assert type(make_strategy(name)) is STRATEGIES[name]
    assert make_strategy(name) is not make_strategy(name)


def test_the_key_goes_to_the_hash():
    endpoints = endpoints_of(*[1] * 26)
    by_path, by_client = make_strategy("consistent_hash", "path"), make_strategy("consistent_hash")
    assert isinstance(by_path, ConsistentHash)
    for strategy, count in ((by_path, 26), (by_client, 1)):
        strategy.rebuild(endpoints)
        pages = [FakeExchange(target=FakeTarget(b"/%d" % number)) for number in range(400)]
        assert len({strategy.pick(page, ()) for page in pages}) == count


def test_a_wrong_key_is_a_value_error():
    with pytest.raises(ValueError, match="'colour' is not a hash key"):
        make_strategy("consistent_hash", "colour")


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("name", ["wrong_strategies:Right", "deep_strategies.inside:Right"])
def test_a_class_of_ones_own(name):
    assert type(make_strategy(name)).__name__ == "Right"


def test_a_name_that_is_none():
    with pytest.raises(ValueError) as caught:
        make_strategy("round_robbin")
    names = "round_robin, least_connections, ip_hash, random_two, consistent_hash, least_time, first"
    assert str(caught.value) == f"no strategy 'round_robbin'; there are {names}, and package.module:Class"


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("name, message", [
    ("nowhere:Right", "cannot import nowhere: ModuleNotFoundError: No module named 'nowhere'"),
    (":Right", "cannot import : ValueError: Empty module name"),
    ("broken_strategies:Right", "cannot import broken_strategies: ZeroDivisionError: division by zero"),
    ("wrong_strategies:Left", "wrong_strategies has no class Left"),
    ("wrong_strategies:", "wrong_strategies has no class "),
    ("wrong_strategies:Lacking", "Lacking lacks pick"),
    ("wrong_strategies:Number", "Number lacks pick"),
    ("wrong_strategies:os", "cannot make one without arguments: TypeError: 'module' object is not callable"),
    ("builtins:object", "object lacks rebuild and pick"),
])
def test_what_is_wrong_with_a_class(name, message):
    with pytest.raises(ValueError) as caught:
        make_strategy(name)
    assert str(caught.value) == f"strategy {name}: {message}"


@pytest.mark.usefixtures("modules")
def test_a_class_that_wants_arguments():
    with pytest.raises(ValueError, match=r"cannot make one without arguments: TypeError: .*'factor'"):
        make_strategy("wrong_strategies:Demanding")
