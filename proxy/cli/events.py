"""`events`: what has changed of late, and what changes now."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from typing import Any
from urllib.parse import urlencode

from proxy.cli.admin import NOT_RUNNING, Admin, NotReached, Refused, add_admin_option, admin_of

HELP = "show what has changed in the running proxy: ejections, health, orders, reloads"
TEACHING = """\
examples:
  python -m proxy events -c config.yaml -n 100
  python -m proxy events -c config.yaml -f --pool web --kind ejected
  python -m proxy events --admin 127.0.0.1:9000 -f --json

exit status: 0 done, 2 the proxy is not running, or cannot be asked
"""

PAUSE = 1.0  # seconds between two attempts to go on


def add_options(parser: argparse.ArgumentParser) -> None:
    add_admin_option(parser)
    add = parser.add_argument
    add("-f", "--follow", action="store_true", help="go on with each new one, until Ctrl-C")
    add("-n", "--number", type=int, default=20, metavar="N", help="how many old ones; else 20")
    add("--pool", metavar="NAME", help="only about this pool")
    add("--endpoint", metavar="ADDRESS", help="only about this endpoint")
    add("--kind", metavar="KIND", help="only of this kind: ejected, down, up, order, reloaded, ...")
    add("--json", action="store_true", help="for programs: one object a line")


def main(arguments: argparse.Namespace) -> int:
    admin = admin_of(arguments)
    query: dict[str, Any] = {"limit": max(1, arguments.number)}
    query |= {name: value for name in ("pool", "endpoint", "kind") if (value := vars(arguments)[name])}
    path = f"/api/events?{urlencode(query)}"
    try:
        if arguments.follow:
            follow(admin, path, as_json=arguments.json)
        for record in admin.get(path)["events"]:
            show(record, as_json=arguments.json)
    except (NotReached, Refused) as error:
        print(error, file=sys.stderr)
        return NOT_RUNNING
    return 0


def follow(admin: Admin, path: str, *, as_json: bool) -> None:
    """For ever; a desk that is replaced, or a proxy that is started again, is asked again.

    Raises:
        NotReached: at the first attempt.
        Refused: at any.
    """
    seen: int | None = None
    reached, waiting = False, threading.Event()
    while True:
        try:
            for name, value in admin.stream(path, seen):
                reached = True
                if name == "event":
                    seen = value["id"]
                    show(value, as_json=as_json)
        except NotReached as error:
            if not reached:
                raise
            print(f"({error}; trying again)", file=sys.stderr)
            waiting.wait(PAUSE)


def show(record: dict[str, Any], *, as_json: bool) -> None:
    print(json.dumps(record) if as_json else line(record), flush=True)


def line(record: dict[str, Any]) -> str:
    """`16:00:01 ejected      web 127.0.0.1:8001: ejected for 10 s: ... (worker 0)`."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record["time"]))
    about = " ".join(filter(None, (record["pool"], record["endpoint"])))
    what = f"{about}: {record['text']}" if about else record["text"]
    return f"{when} {record['kind']:<12} {what} ({record['from']})"
