"""The command line: one file per verb, all named in `VERBS`.

The rule of this room: importing it is cheap (`--help` must not wait for the data plane), so a verb
imports what it runs when it runs. Exit status: 0 done, 1 could not start, 2 wrong command line or
configuration.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

from proxy import __version__
from proxy.cli import check, diff, events, explain, reload, run, schema, simulate, status, test, top, unit

# Each has HELP (one line) and `main(arguments) -> exit status`; with options of its own also
# `add_options(parser)`, and TEACHING for the end of its help.
VERBS: dict[str, ModuleType] = {
    "run": run,
    "check": check,
    "schema": schema,
    "diff": diff,
    "reload": reload,
    "status": status,
    "events": events,
    "top": top,
    "simulate": simulate,
    "explain": explain,
    "test": test,
    "unit": unit,
}
IMPLIED = "run"
PROGRAM = "python -m proxy"

TEACHING = """\
examples:
  python -m proxy -c config.yaml          start; the line `ready: http://...` says where
  python -m proxy check -c config.yaml    report every mistake in the file, start nothing
  python -m proxy diff -c config.yaml     what it would change in the proxy that runs
  python -m proxy reload -c config.yaml   have it take that up; with a mistake it goes on as before
  python -m proxy status -c config.yaml   how it is; exit status 0: all is well
  python -m proxy events -c config.yaml -f    what changes in it, and why
  python -m proxy top -c config.yaml      all of it, live
  python -m proxy schema > schema.json    for an editor that completes and checks the file
  python -m proxy explain GET /cart       which route, which endpoint, what it is told, and why; sends nothing
  python -m proxy unit -c config.yaml > /etc/systemd/system/proxy.service     so that systemd runs it
  python -m proxy simulate --endpoints 3 --slow a=10x@5s-15s    which strategy copes best? starts nothing

signals, to the process whose pid the ready line names:
  TERM, INT (Ctrl-C)  accept no more, finish what runs within timeouts.drain, end; twice: at once
  HUP                 take up the configuration as it is now (as `python -m proxy reload -c FILE` does)
  USR1                reopen the log files, after rotating them
  USR2                start the new version of this program on the same sockets; then finish and end

exit status: 0 stopped as asked, 1 could not start, 2 mistakes in the configuration or command line
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb and return its exit status; a wrong command line leaves by SystemExit(2)."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    verb = next(plain_words(words), IMPLIED)
    if verb not in VERBS:
        parser.error(unknown_verb(verb))
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        parser.error(f"{verb} does not know {unknown[0]!r}; what it knows: {PROGRAM} {verb} --help")
    try:
        status = int(VERBS[arguments.verb].main(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `... | head`: without this Python complains when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [VERB] [-c FILE]",
        description="A reverse proxy and load balancer for Python web applications.",
        epilog=TEACHING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"proxy {__version__}")
    add_config_option(parser, None)
    verbs = parser.add_subparsers(
        prog=PROGRAM, dest="verb", metavar="VERB", title=f"verbs (without one: {IMPLIED})"
    )
    for name, module in VERBS.items():
        child = verbs.add_parser(
            name, help=module.HELP, description=module.HELP, epilog=getattr(module, "TEACHING", None),
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
        )
        # Left out behind the verb it keeps what stood before: `-c FILE check` and `check -c FILE`.
        add_config_option(child, argparse.SUPPRESS)
        if hasattr(module, "add_options"):
            module.add_options(child)
    parser.set_defaults(verb=IMPLIED)
    return parser


def add_config_option(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "-c", "--config", metavar="FILE", default=default, help="the configuration; else ./config.yaml"
    )


def plain_words(words: Sequence[str]) -> Iterator[str]:
    """What is neither an option nor an option's value."""
    rest = iter(words)
    for word in rest:
        if word in {"-c", "--config"}:
            next(rest, None)
        elif not word.startswith("-"):
            yield word


def unknown_verb(word: str) -> str:
    if near := difflib.get_close_matches(word, VERBS, n=1):
        return f"no verb {word!r}; did you mean {near[0]!r}?"
    if os.path.exists(word):
        return f"no verb {word!r}; to run with that file: {PROGRAM} -c {word}"
    return f"no verb {word!r}; there are {', '.join(VERBS)}"
