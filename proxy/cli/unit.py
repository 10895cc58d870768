"""`unit`: what systemd or Docker need to run the proxy, for this configuration and this Python."""

from __future__ import annotations

import argparse
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from proxy import __version__
from proxy.cli.configuration import load_config

if TYPE_CHECKING:
    from proxy.config.schema import Config

HELP = "print a unit for systemd, or a Dockerfile"
TEACHING = """\
examples:
  python -m proxy unit -c /etc/proxy/config.yaml > /etc/systemd/system/proxy.service
  python -m proxy unit --socket -c /etc/proxy/config.yaml > /etc/systemd/system/proxy.socket
  python -m proxy unit --dockerfile > Dockerfile
"""

KILLING = 10  # seconds past timeouts.drain, within which the supervisor has killed whoever did not end


def add_options(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--socket", action="store_true", help="a socket unit: systemd listens, and hands over")
    kinds.add_argument("--dockerfile", action="store_true", help="a Dockerfile that needs no root")
    parser.add_argument("--name", default="proxy", type=_name, help="of the service (default: proxy)")


def main(arguments: argparse.Namespace) -> int:
    if arguments.dockerfile:
        print(template("Dockerfile"), end="")
        return 0
    config, file = load_config(arguments)
    print(filled("socket.ini" if arguments.socket else "service.ini", config, file, arguments.name), end="")
    return 0


def template(name: str) -> str:
    return (files("proxy") / "ops" / name).read_text("utf-8")


def filled(name: str, config: Config, file: str, service: str) -> str:
    """A template with what is true here."""
    path = Path(file).absolute()
    return template(name).format(
        name=service, made_by=f"pyfront {__version__}", python=_word(sys.executable),
        config=_word(str(path)), folder=str(path.parent).replace("%", "%%"),
        stop=round(config.timeouts.drain) + KILLING, log_folder=f"/var/log/{service}",
        run_folder=f"/run/{service}", listen="\n".join(_streams(config)))


def _streams(config: Config) -> list[str]:
    """A line for each address that does not leave the choice of a port to the system."""
    addresses = [listener.address for listener in config.listen]
    return [f"ListenStream={one.path or one}" for one in addresses if one.path or one.port]


def _word(text: str) -> str:
    """One word of a command line, as systemd.service(5) reads it."""
    text = text.replace("%", "%%").replace("$", "$$")
    return text if re.fullmatch(r"[\w/.:@%$+-]+", text) else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a service's name")
    return text
