"""`explain`: why a request goes where it goes, without sending any; or why one that was sent went there."""

from __future__ import annotations

import argparse
import ipaddress
import json
import sys
from typing import TYPE_CHECKING, Any

from proxy.cli.configuration import load_config

if TYPE_CHECKING:
    from proxy.config.schema import Config
    from proxy.explain.question import Question
    from proxy.explain.stand_in import Sample

HELP = "say why a request goes where it goes (nothing is sent), or why one of late went there"

TEACHING = """\
examples:
  python -m proxy explain GET https://shop.example/cart --from 203.0.113.9 --header 'Cookie: a=b'
  python -m proxy explain -c config.yaml POST /orders --data 'n=1' --json
  python -m proxy explain -c config.yaml GET / --down 10.0.0.11:8000    and if that one were down?
  python -m proxy explain -c config.yaml GET / --answer 302 --answer-header 'Location: http://{endpoint}/next'
  printf 'GET / HTTP/1.1\\r\\n\\r\\n' | python -m proxy explain -c config.yaml --raw -
  python -m proxy explain -c config.yaml 47747867fadc795800000000    one that was served, by its X-Request-ID

The request is taken by the code that serves traffic, between a client and endpoints that it plays itself:
nothing is bound, connected to or looked up. Health is not known, so endpoints are as they begin.
What was served is asked of the running proxy's admin listener, which remembers what `recent` says.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    add, header = parser.add_argument, "'NAME: VALUE'"
    add("words", nargs="*", metavar="METHOD URL",
        help="GET https://host/path, a path alone, or the id of a request that was served")
    add("--admin", metavar="ADDRESS", help="for an id: the admin listener, instead of the configuration's")
    add("--header", action="append", default=[], metavar=header, help="of the request")
    add("--from", dest="client", default="127.0.0.1", metavar="ADDRESS", help="of the client")
    add("--data", metavar="TEXT", help="the request's body")
    add("--raw", metavar="FILE", help="the request's octets instead; - is standard input")
    add("--down", action="append", default=[], metavar="ENDPOINT", help="as if it were down")
    add("--answer", type=int, default=200, metavar="STATUS", help="of the application; else 200")
    add("--answer-header", action="append", default=[], metavar=header,
        help="of the application's answer; {endpoint} is its address")
    add("--json", action="store_true", help="for programs")


def main(arguments: argparse.Namespace) -> int:
    if arguments.raw is None and is_id(arguments.words):
        return recall(arguments)
    try:
        question, sample = question_of(arguments), sample_of(arguments)
    except (ValueError, OSError) as error:
        print(f"explain: {error}", file=sys.stderr)
        return 2
    config, _ = load_config(arguments)
    known = {str(one.address) for pool in config.pools.values() for one in pool.endpoints}
    if unknown := set(arguments.down) - known:
        print(f"explain: no pool has the endpoint {unknown.pop()!r}", file=sys.stderr)
        return 2
    show(explained(config, question, sample, arguments.down), as_json=arguments.json)
    return 0


def is_id(words: list[str]) -> bool:
    """Whether this is one word, and neither a path nor a URL."""
    return len(words) == 1 and not words[0].startswith(("/", "*", "http://", "https://"))


def recall(arguments: argparse.Namespace) -> int:
    """What became of a request that was served."""
    from urllib.parse import quote

    from proxy.cli.admin import NOT_RUNNING, NotReached, Refused, admin_of

    try:
        story = admin_of(arguments).get(f"/api/explain/{quote(arguments.words[0], safe='')}")
    except NotReached as error:
        print(error, file=sys.stderr)
        return NOT_RUNNING
    except Refused as problem:
        print(problem, file=sys.stderr)
        return 1
    show(story, as_json=arguments.json)
    return 0


def show(account: dict[str, Any], *, as_json: bool) -> None:
    from proxy.explain.words import in_words

    if as_json:
        print(json.dumps(account, indent=2))
    else:
        print(in_words(account, colour=sys.stdout.isatty()), end="")


def explained(config: Config, question: Question, sample: Sample, down: list[str]) -> dict[str, Any]:
    import asyncio

    from proxy.explain.account import account
    from proxy.explain.rehearsal import Stage

    async def rehearsed() -> dict[str, Any]:
        stage = Stage(config, down)
        try:
            return account(stage, await stage.rehearse(question, sample))
        finally:
            await stage.close()

    return asyncio.run(rehearsed())


def question_of(arguments: argparse.Namespace) -> Question:
    """What the command line asks.

    Raises:
        ValueError: it is not clear what.
    """
    from proxy.explain.question import Question

    client = str(ipaddress.ip_address(arguments.client))
    if arguments.raw is not None:
        return Question(client=client, raw=octets_of(arguments.raw))
    if not 1 <= len(arguments.words) <= 2:
        raise ValueError("it takes a method and a URL, such as GET https://shop.example.com/cart")
    method, url = arguments.words if len(arguments.words) == 2 else ("GET", arguments.words[0])
    body = None if arguments.data is None else arguments.data.encode()
    return Question(method, url, tuple(map(field_of, arguments.header)), client, body)


def octets_of(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    with open(file, "rb") as opened:
        return opened.read()


def sample_of(arguments: argparse.Namespace) -> Sample:
    from proxy.explain.stand_in import Sample

    if not 200 <= arguments.answer <= 599:
        raise ValueError(f"{arguments.answer} is no final status (200 to 599)")
    own = tuple(map(field_of, arguments.answer_header))
    named = {name.lower() for name, _ in own}
    usual = tuple(field for field in Sample().fields if field[0].lower() not in named)
    return Sample(arguments.answer, (*usual, *own))


def field_of(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is no header; write 'Name: value'")
    return name, value.strip()
