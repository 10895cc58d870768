import pytest

from proxy.config.scalars import Expanded, Numeral, expand, resolve, retype


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_nothing(text):
    assert resolve(text) is None


@pytest.mark.parametrize("text, value", [("true", True), ("True", True), ("TRUE", True), ("false", False)])
def test_flags(text, value):
    assert resolve(text) is value


@pytest.mark.parametrize(
    "text, number", [("0", 0), ("-17", -17), ("+3", 3), ("010", 10), ("0o10", 8), ("0xfF", 255)]
)
def test_whole_numbers(text, number):
    value = resolve(text)
    assert (value.number, value.whole, str(value)) == (number, True, text)


@pytest.mark.parametrize("text", ["1.10", ".5", "1.", "1e3", "-.inf", ".NaN"])
def test_other_numbers_keep_how_they_are_written(text):
    assert resolve(text) == Numeral(text, whole=False)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "No",
        "yes",
        "on",
        "off",
        "y",
        "22:22",
        "1_000",
        "0b1",
        "2026-11-22",
        "=",
        "<<",
        "tRUE",
        "0x",
        "9" * 101,
        "٣",
    ],
)
def test_what_yaml_1_1_guessed_at_is_text(text):
    assert resolve(text) == text


@pytest.mark.parametrize(
    "text, expanded",
    [
        ("${PORT}", "80"),
        ("a${PORT}b${PORT}", "a80b80"),
        ("${NONE:-8080}", "8080"),
        ("${NONE:-}", ""),
        ("${NONE:-a:-b}", "a:-b"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${PORT:-x}", "80"),
        ("$${PORT}", "${PORT}"),
        ("$$${PORT}", "$${PORT}"),
        ("$PORT $$ {}", "$PORT $$ {}"),
        (r"~^/u/\d+$", r"~^/u/\d+$"),
        ("${TRICK}", "${PORT}"),
    ],
)
def test_references(text, expanded):
    assert expand(text, {"PORT": "80", "EMPTY": "", "TRICK": "${PORT}"}) == expanded


def test_a_variable_that_is_not_set():
    with pytest.raises(ValueError) as caught:
        expand("a${PORT}", {})
    assert str(caught.value) == "PORT is not set in the environment; set it, or write ${PORT:-default}"


@pytest.mark.parametrize("text", ["${", "${PORT", "${}", "${1A}", "${A B}", "${A-b}", "${A:-${B}}", "${:-x}"])
def test_what_is_no_reference(text):
    with pytest.raises(ValueError, match="is not a reference; write"):
        expand(text, {"A": "", "B": ""})


def test_a_quoted_reference_may_be_a_number():
    assert retype(Expanded("2")) == Numeral("2", whole=True)
    assert retype(Expanded("false")) is False
    assert retype("2") == "2"
