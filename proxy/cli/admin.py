"""The admin API from the terminal: where it is, and what it says.

The rule of this room: the standard library alone, so that `status` in a script answers in a blink.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.cli.configuration import find_file
from proxy.config.address import Address

PATIENCE: Final = 10.0  # seconds; streams have signs of life more often than every 20
SILENCE: Final = 20.0
ALL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # whom to ask where every address is listened on

NOT_RUNNING: Final = 2  # exit status


class NotReached(Exception):
    """There is no answer; the message is for people."""


class Refused(Exception):
    """The answer is a problem."""


def add_admin_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--admin", metavar="ADDRESS",
        help="the admin listener, instead of what the configuration says; its token is in $ADMIN_TOKEN")


def admin_of(arguments: argparse.Namespace) -> Admin:
    """The one that the command line means; SystemExit(2) where it means none."""
    try:
        if arguments.admin is not None:
            return Admin(Address.parse(arguments.admin), os.environ.get("ADMIN_TOKEN"))
        return _configured(find_file(arguments.config))
    except ValueError as error:
        given = "" if arguments.admin is None else f"--admin: {arguments.admin!r} "
        print(f"{given}{error}", file=sys.stderr)
        raise SystemExit(NOT_RUNNING) from None


def _configured(file: str) -> Admin:
    """What the file names.

    Raises:
        ValueError: none.
    """
    from proxy.config.errors import ConfigErrors
    from proxy.config.load import load

    try:
        admin = load(file).admin
    except ConfigErrors as errors:
        raise ValueError(f"{errors}\n(--admin ADDRESS asks without reading a file)") from None
    if admin is None:
        raise ValueError(f"{file} has no admin listener; add `admin: 127.0.0.1:9000` and start again")
    if admin.address.path is None and not admin.address.port:
        raise ValueError(f"{file} leaves the admin's port open; the ready line names it: --admin ADDRESS")
    return Admin(admin.address, admin.token)


class Connection(http.client.HTTPConnection):
    """To a TCP address or a Unix socket."""

    def __init__(self, address: Address, timeout: float) -> None:
        host = ALL.get(address.host, address.host) or "localhost"
        super().__init__(host, address.port, timeout=timeout)
        self._path = address.path

    def connect(self) -> None:
        if self._path is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Admin:
    """One admin listener."""

    def __init__(self, address: Address, token: str | None = None) -> None:
        self.address = address
        self._token = token

    def get(self, path: str) -> Any:
        """What it answers.

        Raises:
            NotReached: it does not.
            Refused: with a problem.
        """
        return self._ask("GET", path)

    def post(self, path: str, value: Mapping[str, Any] | None = None) -> Any:
        """The same for an order."""
        return self._ask("POST", path, json.dumps(value or {}))

    def _ask(self, method: str, path: str, body: str | None = None) -> Any:
        connection = Connection(self.address, PATIENCE)
        try:
            connection.request(method, path, body, self._fields("application/json"))
            return json.loads(_checked(connection.getresponse()).read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotReached(self._why_not(error)) from None
        finally:
            connection.close()

    def stream(self, path: str, seen: int | None = None) -> Iterator[tuple[str, Any]]:
        """(name, value) of server-sent events as they come, for ever.

        Args:
            seen: the number of the last event that is known.

        Raises:
            NotReached: it ends.
            Refused: with a problem.
        """
        fields = self._fields("text/event-stream")
        if seen is not None:
            fields["Last-Event-ID"] = str(seen)
        connection = Connection(self.address, SILENCE)
        try:
            connection.request("GET", path, headers=fields)
            yield from _parsed(_checked(connection.getresponse()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotReached(self._why_not(error)) from None
        finally:
            connection.close()
        raise NotReached(f"the admin listener on {self.address} has closed the stream")

    def _fields(self, accept: str) -> dict[str, str]:
        fields = {"Accept": accept, "Content-Type": "application/json"}
        return fields if self._token is None else {**fields, "Authorization": f"Bearer {self._token}"}

    def not_ours(self) -> str:
        return f"what answers on {self.address} is no admin listener of ours"

    def _why_not(self, error: Exception) -> str:
        if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
            return f"not running: nobody listens on {self.address}"
        if isinstance(error, ValueError):  # it is no JSON, or no text at all
            return self.not_ours()
        return f"no answer from {self.address}: {str(error) or type(error).__name__}"


def _checked(answer: http.client.HTTPResponse) -> http.client.HTTPResponse:
    if answer.status < 400:
        return answer
    try:
        problem = json.loads(answer.read())
        why = problem["detail"]
    except (ValueError, KeyError, TypeError):
        why = f"this is no admin listener of ours: it answers {answer.status}"
    raise Refused(why)


def _parsed(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in answer:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
