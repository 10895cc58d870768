"""`test`: does the configuration do what its own `tests` say?"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from proxy.cli.configuration import load_config

if TYPE_CHECKING:
    from proxy.explain.cases import Result

HELP = "run the tests of the configuration; nothing is started, and nothing is sent"

TEACHING = """\
In the configuration:

  tests:
    - GET /static/a.css -> static, 200
    - GET https://shop.example/ from 10.0.0.1 with Cookie "a=b" and X-Beta yes -> pool web
    - GET /old/page -> redirect /new/page, 308
    - POST /upload body 2MiB -> 413
    - GET /admin from 203.0.113.9 -> 404
    - GET / -> pool web, sends X-Real-IP 127.0.0.1, route "the shop"

A request is METHOD URL [from ADDRESS] [with NAME VALUE [and NAME VALUE ...]] [body SIZE]; behind the arrow
stand, with commas: static [FILE], pool NAME, redirect [TO], respond, refused, a status, route NAME, header
NAME [VALUE] (what the client gets) and sends NAME [VALUE] (what the application gets).

exit status: 0 all passed, 1 some failed, 2 mistakes in the configuration
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def main(arguments: argparse.Namespace) -> int:
    config, file = load_config(arguments)
    if not config.tests:
        print(f"{file}: has no tests; `python -m proxy test --help` says how to write some", file=sys.stderr)
        return 0
    import asyncio

    from proxy.explain.cases import run

    results = asyncio.run(run(config))
    if arguments.json:
        print(json.dumps([_told(result) for result in results], indent=2))
    else:
        _show(file, results)
    return 0 if all(result.passed for result in results) else 1


def _told(result: Result) -> dict[str, object]:
    return {"test": result.case.text, "passed": result.passed,
            "differences": [{"wanted": wanted, "got": got} for wanted, got in result.differences],
            "account": result.account}


def _show(file: str, results: list[Result]) -> None:
    from proxy.explain.words import in_words

    colour = sys.stdout.isatty()
    good, bad, plain = ("\033[32m", "\033[31m", "\033[0m") if colour else ("", "", "")
    for result in results:
        mark = f"{good}ok  {plain}" if result.passed else f"{bad}FAIL{plain}"
        print(f"{mark}  {result.case.text}")
        for wanted, got in result.differences:
            print(f"      wanted {wanted}, got {got}")
    failed = [result for result in results if not result.passed]
    for result in failed:
        print(f"\n{bad}-- {result.case.text}{plain}\n\n{in_words(result.account, colour=colour)}", end="")
    print(f"{file}: " + (f"{len(failed)} of {len(results)} tests failed" if failed else
                         f"all tests passed ({len(results)})"))
