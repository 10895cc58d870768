"""Finding and loading the configuration, for all verbs that need one."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from proxy.config.schema import Config

USUAL_FILE = "config.yaml"
NO_FILE = f"""\
no configuration: name one with -c FILE, or put {USUAL_FILE} into this folder
(config.example.yaml shows every key with its default)"""


def load_config(arguments: argparse.Namespace) -> tuple[Config, str]:
    """The configuration and its path as the user knows it; where it has mistakes, SystemExit(2).

    All mistakes, those of the environment too, and what is allowed but hardly meant, are told on stderr.
    """
    file = find_file(arguments.config)
    from proxy.config.errors import ConfigErrors
    from proxy.config.load import load, warnings_of
    from proxy.probing.nameservers import nameservers_of

    misnamed = ""
    try:
        nameservers_of(os.environ)
    except ValueError as error:
        misnamed = str(error)
    try:
        config = load(file)
    except ConfigErrors as errors:
        give_up(str(errors), misnamed)
    if misnamed:
        give_up(misnamed)
    for warning in warnings_of(config):
        print(f"warning: {warning}", file=sys.stderr)
    return config, file


class Mistaken(SystemExit):
    """What is wrong has been printed.

    Attributes:
        text: the same, for who does not see where it was printed to.
    """

    def __init__(self, text: str) -> None:
        super().__init__(2)
        self.text = text


def give_up(*mistakes: str) -> NoReturn:
    text = "\n".join(filter(None, mistakes))
    print(text, file=sys.stderr)
    raise Mistaken(text) from None


def find_file(given: str | None) -> str:
    if given is not None:
        return given
    if not os.path.exists(USUAL_FILE):
        print(NO_FILE, file=sys.stderr)
        raise SystemExit(2)
    return USUAL_FILE
