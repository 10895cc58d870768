import pytest
import yaml

from proxy.config import document
from proxy.config.document import BROKEN, DEEPEST, read_document
from proxy.config.scalars import Expanded, Numeral


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request, monkeypatch):
    """With libyaml and without."""
    monkeypatch.setattr(document, "_LOADER", getattr(yaml, request.param))
    return request.param


def value_of(text, environ=None):
    read = read_document(text, "f", environ or {})
    assert not read.errors
    return read.root.value


def errors_of(text, environ=None):
    return [str(error) for error in read_document(text, "f", environ or {}).errors]


def test_plain_values():
    text = "a: 1\nb: [x, 'no', no, \"2\", ~, true]\nc: {on: {off: 1.0}}\nd: !!str 5\ne: ! 6\n"
    assert value_of(text) == {
        "a": Numeral("1", whole=True),
        "b": ["x", "no", "no", "2", None, True],
        "c": {"on": {"off": Numeral("1.0", whole=False)}},
        "d": "5",
        "e": "6",
    }


def test_keys_are_text():
    assert value_of("1: a\n~: b\ntrue: c\n") == {"1": "a", "~": "b", "true": "c"}


def test_a_file_of_nothing():
    assert value_of("# only this\n") is None
    assert value_of("") is None


def test_references_are_expanded_before_types():
    environ = {"N": "2", "T": "true"}
    assert value_of("a: ${N}\nb: '${T}'\nc: ${X:-}\nd: x${N}", environ) == {
        "a": Numeral("2", whole=True),
        "b": "true",
        "c": None,
        "d": "x2",
    }
    assert type(value_of("a: '${N}'", environ)["a"]) is Expanded


def test_an_unset_variable_is_told_where_it_stands():
    (error,) = errors_of("a:\n  b: [1, 'x${NONE}']")
    assert error.startswith("f:2:10: a.b[1]: NONE is not set in the environment")


def test_anchors_and_aliases():
    assert value_of("a: &x {k: v}\nb: *x\nc: [&y 1, *y]\n&z d: *z") == {
        "a": {"k": "v"},
        "b": {"k": "v"},
        "c": [Numeral("1", whole=True)] * 2,
        "d": "d",
    }


def test_merge_keys():
    text = "a: &a {k: 1, l: 1}\nb: &b {l: 2, m: 2}\nc: {<<: *a, l: own}\nd: {<<: [*a, *b]}\ne: {'<<': x}"
    value = value_of(text.replace("1", "one").replace("2", "two"))
    assert value["c"] == {"l": "own", "k": "one"}
    assert value["d"] == {"k": "one", "l": "one", "m": "two"}
    assert value["e"] == {"<<": "x"}


def test_a_merged_key_stands_where_it_was_written():
    read = read_document("a: &a\n  k: 1\nb:\n  <<: *a\n", "f", {})
    assert str(read.error(("b", "k"), "wrong")) == "f:2:3: b.k: wrong"


def test_places():
    read = read_document("a: 1\nb:\n  - x\n  - c: 2\n    d: [7, 8]\n", "f", {})
    assert str(read.error(("b", 1, "d", 1), "wrong")) == "f:5:12: b[1].d[1]: wrong"
    assert str(read.error(("b", 1, "missing"), "wrong")) == "f:4:5: b[1].missing: wrong"
    assert str(read.error((), "wrong")) == "f:1:1: wrong"


def test_places_of_short_forms():
    read = read_document("a: x\nb: {c: 1}\n", "f", {})
    assert str(read.error(("a", 0, "address"), "wrong")) == "f:1:1: a: wrong"
    assert str(read.error(("b", 0, "c"), "wrong")) == "f:2:5: b.c: wrong"


def test_columns_count_characters():
    (error,) = errors_of("é😀: [é, 😀, !x y]")
    assert error.startswith("f:1:12: ")


def test_keys_that_stand_twice():
    assert errors_of("a:\n  b: 1\n  c: 1\n  b: 2\n") == [
        "f:4:3: a.b: 'b' stands here and in line 2; only one can count"
    ]
    assert read_document("a: 1\na: 2", "f", {}).root.value == {"a": Numeral("1", whole=True)}


@pytest.mark.parametrize(
    "text, error",
    [
        (
            "a: *none",
            "f:1:4: a: no anchor &none stands before this alias; text that begins with '*' needs quotes",
        ),
        ("a: &x [*x]", "f:1:8: a[0]: the alias *x stands inside what it is the name of"),
        ("a: !x y", "f:1:4: a: the tag '!x' has no meaning here; leave it out"),
        ("a: !x [y]", "f:1:4: a: the tag '!x' has no meaning here; leave it out"),
        ("a: !!int 5", "f:1:4: a: the tag 'tag:yaml.org,2002:int' has no meaning here; leave it out"),
        ("? [a]\n: b", "f:1:3: a key must be a word, not an alias, a list or a mapping"),
        ("a: &x b\n*x : c", "f:2:1: a key must be a word, not an alias, a list or a mapping"),
        ("<<: x", "f:1:1: '<<': '<<' takes a mapping or a list of mappings, mostly an alias"),
        ("<<: [{a: 1}, 5]", "f:1:1: '<<': '<<' takes a mapping or a list of mappings, mostly an alias"),
        ("a: 1\n---\nb: 1", "f:2:1: a second document begins here; a configuration is one document"),
        ("a: 1\n b: \0", "f:2:5: the character U+0000 cannot stand in YAML"),
        ("a: \x1b[0m", "f:1:4: the character U+001B cannot stand in YAML"),
        ('a: "\\0"', "f:1:4: a: the character U+0000 cannot stand in a value"),
    ],
)
def test_what_is_refused(text, error):
    assert errors_of(text) == [error]


def test_what_the_environment_must_not_bring_in():
    (error,) = errors_of("a: ${X}", {"X": "\udcff"})
    assert error == "f:1:4: a: the environment puts the character U+DCFF into this value"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_is_bounded(opening):
    (error,) = errors_of(opening * 100_000)
    assert error.endswith(f"this is nested more than {DEEPEST} levels deep")


def test_depth_by_aliases_is_bounded():
    chain = "".join(f"  - &a{level} [*a{level - 1}]\n" for level in range(1, 60))
    (error,) = errors_of(f"a:\n  - &a0 [x]\n{chain}")
    assert error.endswith(f"this is nested more than {DEEPEST} levels deep")


def test_a_billion_laughs_end_early():
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    (error,) = errors_of("\n".join(lines))
    assert "the aliases up to here stand for more than 100000 values" in error


def test_after_a_syntax_error_there_is_nothing():
    read = read_document("a: [1\n", "f", {})
    assert read.root.value is BROKEN
    assert len(read.errors) == 1


@pytest.mark.parametrize(
    "text, place, hint",
    [
        ("a:\n\tb: 1", "f:2:1: ", "a tab cannot indent in YAML; use spaces"),
        ("host: *.example.com", "f:1:", "a value that begins with '*' needs quotes"),
        ("a: {b: ${C}}", "f:1:", 'inside {} and [] a reference needs quotes, as in "${NAME}"'),
        ("a: b: c", "f:1:5: ", "a value with ': ' in it needs quotes"),
        ("a: @b", "f:1:4: ", "a value that begins with '@', '`' or '%' needs quotes"),
        ("a: 1\n b: 2", "f:2:3: ", "does this line begin in the same column"),
        ("a:\n  - b: 1\n - c: 2", "f:3:2: ", "does this line begin in the same column"),
        ("a: [1\nb: 2", "f:", "that begins in line 1"),
    ],
)
def test_yaml_errors_say_where_and_what_to_do(text, place, hint):
    (error,) = errors_of(text)
    assert error.startswith(place)
    assert "this is not YAML: " in error
    assert hint in error
