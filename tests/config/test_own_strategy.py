import sys
from pathlib import Path

import pytest

from proxy.config.load import ConfigErrors, load

GOOD = """
class Mine:
    def rebuild(self, endpoints): ...
    def pick(self, exchange, tried): ...

class Greedy(Mine):
    def __init__(self, depth): ...

class Half:
    def pick(self, exchange, tried): ...

class Broken(Mine):
    def __init__(self): [][0]

nothing = 1
"""


@pytest.fixture(autouse=True)
def python_path(monkeypatch):
    """Python's path and its modules as they were."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture
def module(site):
    def module(text, name="own_rule"):
        (site / f"{name}.py").write_text(text)

    return module


@pytest.fixture
def error_of(errors_of):
    """What is wrong with a strategy, where nothing else is."""

    def error_of(strategy):
        (line,) = errors_of(
            f"listen: a:1\npools:\n  web:\n    strategy: {strategy}\n    endpoints: [a:1]\n"
            "routes: [{reverse_proxy: web}]"
        )
        place, _, message = line.partition(": pools.web.strategy: ")
        assert place == "config.yaml:4:5"
        return message

    return error_of


def config(strategy):
    return (
        f"listen: a:1\npools: {{web: {{strategy: '{strategy}', endpoints: [a:1]}}}}\n"
        "routes: [{reverse_proxy: web}]"
    )


def test_one_beside_the_configuration(read, module):
    module(GOOD)
    assert read(config("own_rule:Mine")).pools["web"].strategy == "own_rule:Mine"
    assert sys.modules["own_rule"].Mine()


def test_one_in_a_package(read, site):
    (site / "rules").mkdir()
    (site / "rules/first.py").write_text(GOOD)
    assert read(config("rules.first:Mine"))


def test_one_in_the_current_folder(site, tmp_path, module, monkeypatch):
    module(GOOD)
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    (elsewhere / "config.yaml").write_text(config("own_rule:Mine"))
    with pytest.raises(ConfigErrors):
        load(elsewhere / "config.yaml")
    monkeypatch.chdir(site)
    assert load("etc/config.yaml")


def test_no_file_beside_the_configuration_hides_a_package(read, module):
    module(GOOD)
    module("raise RuntimeError", "colorsys")
    read(config("own_rule:Mine"))
    import colorsys

    assert hasattr(colorsys, "rgb_to_hls")


def test_its_folders_are_searched_later_too(read, site, module):
    module(GOOD)
    read(config("own_rule:Mine"))
    read(config("own_rule:Mine"))
    assert str(Path.cwd()) in sys.path
    assert sys.path.count(str(site)) == 1


@pytest.mark.parametrize(
    "text, error",
    [
        ("import none_such", "'none_such' (own_rule.py, line 1); looked in this file's folder, the"),
        ("\n1 / 0", "ZeroDivisionError: division by zero (own_rule.py, line 2)"),
        ("def f():\n    raise OSError('a\\nb\\x1b')\nf()", r"OSError: a b\x1b (own_rule.py, line 2)"),
        ("class (", "SyntaxError: invalid syntax (own_rule.py, line 1)"),
        ("raise SystemExit(3)", "it ends with SystemExit (own_rule.py, line 1)"),
    ],
)
def test_modules_that_cannot_be_imported(error_of, module, text, error):
    module(text)
    message = error_of("own_rule:Mine")
    assert message.startswith("own_rule:Mine: cannot import ")
    assert error in message
    assert message.isprintable()


def test_no_such_module(error_of):
    message = error_of("own_rule.none:Mine")
    assert "No module named 'own_rule'; looked in this file's folder, the current folder and what " in message


@pytest.mark.parametrize(
    "name, error",
    [
        ("Mien", "own_rule has no class Mien; did you mean 'Mine'? (Mine, Greedy, Half, Broken)"),
        ("Half", "Half lacks rebuild"),
        ("Greedy", "missing 1 required positional argument: 'depth'"),
        ("Broken", "IndexError: list index out of range (own_rule.py, line 13)"),
        ("nothing", "TypeError: 'int' object is not callable"),
    ],
)
def test_classes_that_are_no_strategies(error_of, module, name, error):
    module(GOOD)
    message = error_of(f"own_rule:{name}")
    assert message.startswith(f"own_rule:{name}: ")
    assert error in message
    assert message.count("did you mean") == (name == "Mien")


def test_a_mended_module_is_read_again(read, error_of, module):
    module("raise RuntimeError('not yet')")
    assert "not yet" in error_of("own_rule:Mine")
    module(GOOD)
    assert read(config("own_rule:Mine"))


@pytest.mark.parametrize("name", ["own_rule", "own_rule:", ":Mine", "a b:C", "own-rule:C", "a.:B", "a:B.C"])
def test_what_is_no_name_of_a_class(error_of, name):
    message = error_of(f"'{name}'")
    assert message.startswith(f"'{name}' is not a strategy")
    assert message.endswith("), or package.module:Class")
