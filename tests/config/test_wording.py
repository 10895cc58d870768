import pytest

from proxy.config.scalars import Numeral
from proxy.config.wording import choices, key_path, nearest, quoted, shown


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "an empty value"),
        (True, "true"),
        ({}, "a mapping"),
        ([1], "a list"),
        (Numeral("010", whole=True), "010"),
        ("a\nb", r"'a\nb'"),
        ("a" * 61, "'" + "a" * 60 + "'..."),
        (5, "5"),
    ],
)
def test_values_as_the_file_has_them(value, text):
    assert shown(value) == text


def test_the_nearest_name_whatever_its_case():
    assert nearest("roundrobin", ["ip_hash", "round_robin"]) == "; did you mean 'round_robin'?"
    assert nearest("get", ["GET", "HEAD"]) == "; did you mean 'GET'?"


def test_no_name_is_near():
    assert nearest("zzz", ["ip_hash"]) == ""
    assert nearest("a" * 100_000, ["a" * 100_000]) == ""


def test_choices_are_listed_up_to_a_point():
    assert choices(["a", 1, "b c"]) == " (a, 1, 'b c')"
    assert choices(map(str, range(30))).endswith("22, 23, ... 6 more)")
    assert choices([]) == ""


def test_paths_of_keys():
    assert key_path(("routes", 1, "match", "path", 0)) == "routes[1].match.path[0]"
    assert key_path(("pools", "a b", "x\n")) == r"pools.'a b'.'x\n'"
    assert key_path(()) == ""


def test_quoted_is_one_line():
    assert quoted("a\u2028\x1b\n") == r"'a\u2028\x1b\n'"
