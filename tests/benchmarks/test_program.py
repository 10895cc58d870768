import importlib
import inspect
import re
import timeit

import pytest

import benchmarks.__main__ as program
from benchmarks import machine, micro
from benchmarks.cases import CASES
from benchmarks.measure import Plan
from benchmarks.subjects import SUBJECTS


def test_cases_are_listed(capsys):
    assert program.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(CASES)


def test_an_unknown_case_is_named():
    with pytest.raises(SystemExit, match=r"unknown: smal; there are small, "):
        program.main(["--only", "smal,small"])


def test_quick_is_less_of_everything():
    options = program._options(["--quick"])
    assert (options.rounds, options.seconds) == (2, 2)
    assert len(program._chosen(options.only, CASES)) == 8
    assert len(program._chosen(options.subjects, SUBJECTS)) == 3


def test_what_is_said_beside_quick_counts_more():
    options = program._options(["--rounds", "1", "--quick", "--only", "small"])
    assert (options.rounds, options.only, options.seconds) == (1, "small", 2)


def test_who_takes_part():
    plan = Plan(list(CASES.values()), list(SUBJECTS.values()), rounds=1, seconds=1)
    names = {case: [subject.name for subject in plan.taking_part(CASES[case])] for case in CASES}
    assert names["small"] == [name for name in SUBJECTS if name != "fixed-answers"]
    assert "haproxy" not in names["static1k"]
    assert names["small-log"] == ["ours", "ours-asyncio", "nginx"]
    assert plan.samples() == sum(map(len, names.values()))


def test_missing_programs_are_named_with_the_command(monkeypatch, capsys):
    monkeypatch.setattr(machine, "find_program", lambda name: None if name in {"wrk", "nginx"} else name)
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit):
        machine.install_missing()
    assert f"{machine.INSTALL} nginx wrk\n" in capsys.readouterr().err


def test_root_installs_what_is_missing(monkeypatch):
    ran = []
    monkeypatch.setattr(machine, "find_program", lambda name: None if name == "wrk" else name)
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine.subprocess, "run", lambda command, check: ran.append(command))
    machine.install_missing()
    assert ran == [[*machine.INSTALL.split(), "wrk"]]


def test_every_micro_benchmark_is_found():
    assert "benchmarks.micro_balancing" in micro.modules()


@pytest.mark.parametrize("name", micro.modules())
def test_every_micro_benchmark_runs(name, monkeypatch, capsys):
    """A handful of calls: no figure of it means anything, but nothing that it uses has gone."""
    repeat = timeit.repeat

    def little(*given, **options):
        asked = inspect.signature(repeat).bind(*given, **options).arguments
        return repeat(**{**asked, "number": min(asked["number"], 3), "repeat": 1})

    monkeypatch.setattr(timeit, "repeat", little)
    importlib.import_module(name).main()
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) >= 4
    assert all(re.search(r"\d", row) for row in rows)
