"""`status`: how the running proxy is, for people and scripts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from proxy.certificates import day
from proxy.cli.admin import NOT_RUNNING, NotReached, Refused, add_admin_option, admin_of

HELP = "show how the running proxy is; the exit status is for scripts"
TEACHING = """\
exit status: 0 all is well, 1 something is down, 2 the proxy is not running, or cannot be asked

examples:
  python -m proxy status -c config.yaml
  python -m proxy status --admin 127.0.0.1:9000 --json | jq .problems
"""

Told = dict[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    add_admin_option(parser)
    parser.add_argument("--json", action="store_true", help="for programs: status and pools")


def main(arguments: argparse.Namespace) -> int:
    admin = admin_of(arguments)
    try:
        status, pools = admin.get("/api/status"), admin.get("/api/pools")
    except (NotReached, Refused) as error:
        print(error, file=sys.stderr)
        return NOT_RUNNING
    try:
        told = (json.dumps({**status, "pools": pools}, indent=2) if arguments.json
                else "\n".join(lines(status, pools)))
        well = status["well"]
    except (KeyError, TypeError):  # JSON, but not what ours would say
        print(admin.not_ours(), file=sys.stderr)
        return NOT_RUNNING
    print(told)
    return 0 if well else 1


def lines(status: Told, pools: Sequence[Told]) -> Iterator[str]:
    """For a terminal of any width."""
    yield (f"{status['state']} for {duration(status['uptime'])}, version {status['version']}, "
           f"generation {status['generation']}, pid {status['pid']}")
    yield f"listening on {', '.join(status['listeners'])}"
    for shown in status["certificates"]:
        names = ", ".join(shown["names"]) or "no name"
        yield f"certificate of {shown['listener']} for {names}, valid until {day(shown['expires'])}"
    ready = [process for process in status["processes"] if process["state"] == "ready"]
    workers = sum(process["name"].startswith("worker") for process in ready)
    missing = len(status["processes"]) - len(ready)
    lack = f", {missing} processes missing" if missing else ""
    yield f"{workers} worker{'' if workers == 1 else 's'}{lack}"
    for pool in pools:
        yield ""
        paused = ", PAUSED" if pool["paused"] else ""
        yield (f"pool {pool['name']} ({pool['strategy']}): {pool['available']} of {len(pool['endpoints'])} "
               f"available, {pool['in_flight']} in flight, {pool['queue']} waiting{paused}")
        yield from table(pool["endpoints"])
    if status["problems"]:
        yield ""
        yield from (f"! {problem}" for problem in status["problems"])


def table(endpoints: Sequence[Told]) -> Iterator[str]:
    head = ("endpoint", "state", "weight", "in flight", "latency", "")
    rows = [head, *(row(endpoint) for endpoint in endpoints)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(head) - 1)]
    for cells in rows:
        # Names to the left, numbers to the right.
        yield "  " + "  ".join(
            [f"{cell:{'<' if column < 2 else '>'}{width}}"
             for column, (cell, width) in enumerate(zip(cells, widths, strict=False))] + [cells[-1]]).rstrip()


def row(endpoint: Told) -> tuple[str, ...]:
    latency = "-" if endpoint["latency"] is None else milliseconds(endpoint["latency"])
    reason = "" if endpoint["state"] == "up" else endpoint["reason"]
    return (endpoint["address"], endpoint["state"], str(endpoint["weight"]), str(endpoint["in_flight"]),
            latency, reason)


def milliseconds(seconds: float) -> str:
    """Three digits of it."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def duration(seconds: float) -> str:
    """The two largest units."""
    left = int(seconds)
    found: list[str] = []
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, unit)
        if count or (found and len(found) < 2):
            found.append(f"{count} {name}")
    return " ".join(found[:2]) or "0 s"
