"""`python -m benchmarks`: run the cases, print the table, write results/."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from benchmarks import machine, plot, table
from benchmarks.cases import CASES
from benchmarks.measure import Bench, Plan, Runner
from benchmarks.subjects import SUBJECTS, Subject
from benchmarks.summary import Results, summarize

RESULTS = Path(__file__).resolve().parent / "results"
QUICK = {
    "only": "small,small-varying,small-log,small-half,static1k,static1k-log,static64k,down10m",
    "subjects": "ours,ours-asyncio,nginx",
    "rounds": 2,
    "seconds": 2.0,
}
Item = TypeVar("Item")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if options.list:
        print("\n".join(f"{name:18} {case.group}: {case.title}" for name, case in CASES.items()))
        return 0
    plan = Plan(
        _chosen(options.only, CASES), _chosen(options.subjects, SUBJECTS), options.rounds, options.seconds
    )
    machine.install_missing()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything started is ended
    about = _about(plan)
    runner = _run(plan)
    results = {case: summarize(by_subject) for case, by_subject in runner.samples.items()}
    print(table.text(results))
    _write(options.out, results, about)
    print("\n".join(runner.failures), file=sys.stderr)
    return 1 if runner.failures else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of every proxy (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of load per turn (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="CASE,...", help="these cases alone; see --list")
    parser.add_argument("--subjects", default="", metavar="NAME,...", help=f"of {', '.join(SUBJECTS)}")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument("--quick", action="store_true", help="less of everything, in under four minutes")
    if parser.parse_args(arguments).quick:
        parser.set_defaults(**QUICK)  # what is said beside --quick counts more
    return parser.parse_args(arguments)


def _chosen(names: str, items: Mapping[str, Item]) -> list[Item]:
    """The named items in the table's order, or all."""
    wanted = set(filter(None, names.split(",")))
    if unknown := wanted - set(items):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(items)}")
    return [item for name, item in items.items() if not wanted or name in wanted]


def _run(plan: Plan) -> Runner:
    from tqdm import tqdm  # type: ignore[import-untyped]  # comes with `make bench`; --list needs none

    machine.raise_descriptor_limit()
    proxy_cpu, load_cpu = machine.choose_cpus()
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as folder,
        machine.pinned(load_cpu),
        tqdm(total=plan.samples(), unit="sample", disable=None) as bar,
    ):
        runner = Runner(plan, Bench(Path(folder), proxy_cpu, load_cpu), bar)
        runner.run()
        return runner


def _about(plan: Plan) -> dict[str, str]:
    """What the figures are of."""
    facts = machine.describe()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": "; ".join(facts[name] for name in ("cpu", "memory", "system")),
        "versions": _versions(plan.subjects, facts["python"]),
        "method": f"{plan.rounds} x {plan.seconds:g} s each, taking turns; a CPU for the proxy, one for load",
        "load average before": facts["load_before"],
    }


def _versions(subjects: Iterable[Subject], python: str) -> str:
    return ", ".join([f"Python {python}", *(f"{subject.name} {subject.version()}" for subject in subjects)])


def _write(folder: Path, results: Results, about: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.json").write_text(json.dumps({"about": about, "cases": results}, indent=1) + "\n")
    (folder / "latest.md").write_text(table.document(results, about))
    plot.draw(results, about, folder / "latest.png")
    print(f"\nwritten: {os.path.relpath(folder)}/latest.json, .md, .png")


if __name__ == "__main__":
    sys.exit(main())
