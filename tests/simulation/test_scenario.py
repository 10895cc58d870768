from __future__ import annotations

from math import inf

import pytest

from proxy.simulation.scenario import (
    Fault,
    Member,
    Scenario,
    numbered,
    read_down,
    read_errors,
    read_fault,
    read_member,
    read_slow,
)


def test_endpoints_by_number_have_letters_as_long_as_these_last():
    assert [member.name for member in numbered(3)] == ["a", "b", "c"]
    assert [member.name for member in numbered(27)][::26] == ["e1", "e27"]


@pytest.mark.parametrize("text, member", [
    ("a", Member("a")),
    ("a:weight=2", Member("a", 2)),
    ("a:weight=2:speed=0.5:max_connections=8", Member("a", 2, 0.5, 8)),
    ("10.0.0.1:8000:speed=2", Member("10.0.0.1:8000", 1, 2.0)),
    ("[::1]:8000", Member("[::1]:8000")),
])
def test_an_endpoint_in_words(text, member):
    assert read_member(text) == member


@pytest.mark.parametrize("text, message", [
    ("", "names no endpoint (a, a:weight=2, a:weight=2:speed=0.5:max_connections=8)"),
    ("weight=2", "names no endpoint (a, a:weight=2, a:weight=2:speed=0.5:max_connections=8)"),
    ("a:wieght=2", "sets 'wieght'; did you mean 'weight'? (weight, speed, max_connections)"),
    ("a:weight=0", "has the weight '0', which is not a whole number (1 to 1000)"),
    ("a:weight=two", "has the weight 'two', which is not a whole number (1 to 1000)"),
    ("a:max_connections=", "has the max_connections '', which is not a whole number (1 to 1000000)"),
    ("a:speed=0", "has the speed '0'; 1 is as fast as the others, 0.5 half as fast"),
    ("a:speed=fast", "has the speed 'fast'; 1 is as fast as the others, 0.5 half as fast"),
    ("a:weight=1:b", "sets 'b' (weight, speed, max_connections)"),
])
def test_an_endpoint_in_wrong_words(text, message):
    with pytest.raises(ValueError) as wrong:
        read_member(text)
    assert str(wrong.value) == message


@pytest.mark.parametrize("read, text, fault", [
    (read_slow, "a=10x@5s-15s", Fault("slow", "a", 10.0, 5.0, 15.0)),
    (read_slow, "10.0.0.1:80=1.5x", Fault("slow", "10.0.0.1:80", 1.5, 0.0, inf)),
    (read_down, "b@500ms-8s", Fault("down", "b", 1.0, 0.5, 8.0)),
    (read_down, "b", Fault("down", "b", 1.0, 0.0, inf)),
    (read_errors, "c=50%@3s-", Fault("errors", "c", 0.5, 3.0, inf)),
])
def test_a_fault_in_words(read, text, fault):
    assert read(text) == fault


@pytest.mark.parametrize("read, text, message", [
    (read_slow, "a", "does not say how slow which endpoint is (a=10x@5s-15s)"),
    (read_slow, "a=10@5s-15s", "does not say how slow which endpoint is (a=10x@5s-15s)"),
    (read_slow, "=10x", "does not say how slow which endpoint is (a=10x@5s-15s)"),
    (read_slow, "a=0x", "does not say how slow which endpoint is (a=10x@5s-15s)"),
    (read_slow, "a=10x@5s", "has the time '5s', which has no end (@5s-8s, or @5s- to the end)"),
    (read_slow, "a=10x@5-8s",
     "has the time '5', which is not a duration; did you mean 5s? (250ms, 5s, 1m, 1h)"),
    (read_down, "a@8s-5s", "ends before it begins (@5s-8s, or @5s- to the end)"),
    (read_down, "a=2@5s-", "does not say which endpoint is down, and when (a@5s-8s)"),
    (read_down, "@5s-", "does not say which endpoint is down, and when (a@5s-8s)"),
    (read_errors, "50%", "does not say what share of which endpoint's answers are errors (a=50%@3s-)"),
    (read_errors, "a=101%", "has the share '101%', which is out of range (0% to 100%)"),
])
def test_a_fault_in_wrong_words(read, text, message):
    with pytest.raises(ValueError) as wrong:
        read(text)
    assert str(wrong.value) == message


def test_a_share_that_is_none_is_told_as_in_the_configuration():
    with pytest.raises(ValueError, match=r"^has the share '50', which is not a percentage"):
        read_errors("a=50")


def test_a_fault_of_nobody():
    with pytest.raises(ValueError) as wrong:
        read_fault("down", ["web1", "web2"], "web3@5s-")
    assert str(wrong.value) == "names 'web3', which is no endpoint here; did you mean 'web2'? (web1, web2)"


@pytest.mark.parametrize("fault, text", [
    (Fault("slow", "a", 10, 5, 15), "a: 10x slower from 5 s to 15 s"),
    (Fault("down", "a", 1, 2.5), "a: down from 2.5 s on"),
    (Fault("errors", "a", 0.5), "a: 50% of its answers are errors all the time"),
])
def test_a_fault_can_be_read_again(fault, text):
    assert str(fault) == text


def test_what_the_endpoints_can_do_is_what_the_first_can():
    scenario = Scenario((Member("a"), Member("b", speed=0.5), Member("c", priority=1)), workers=4)
    assert scenario.capacity(0.02) == pytest.approx(300)
