"""The proxies under test: one class each, in the order of the table.

A subject turns a `Setup` into files, a command and an environment; what it is told stands in
`configs`. To add one, write a class and name it in `SUBJECTS`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import configs
from benchmarks.configs import Setup
from benchmarks.machine import program
from benchmarks.process import running, wait_until_ready

ROOT = Path(__file__).resolve().parent.parent


class Subject:
    """One proxy; `serves_files`, `can_log`, `can_be_secure` and `only` say which cases it takes part in.

    Attributes:
        only: the names of all its cases; empty: any.
    """

    name: str
    only: frozenset[str] = frozenset()
    serves_files = True
    can_log = False
    can_be_secure = True

    def config(self, setup: Setup) -> str:
        """The text of its configuration file."""
        return ""

    def command(self, setup: Setup, config: Path) -> list[str]:
        """How it is started, in the foreground."""
        raise NotImplementedError

    def env(self, setup: Setup) -> dict[str, str]:
        """What is added to the environment."""
        return {}

    def version_command(self) -> list[str]:
        """Prints its version."""
        raise NotImplementedError

    def version(self) -> str:
        """Its version, as it says itself."""
        done = subprocess.run(self.version_command(), capture_output=True, text=True, cwd=ROOT, check=False)
        found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
        return found.group() if found else "unknown"


class Ours(Subject):
    name = "ours"
    can_log = True

    def config(self, setup: Setup) -> str:
        return configs.ours(setup)

    def command(self, setup: Setup, config: Path) -> list[str]:
        return [sys.executable, "-m", "proxy", "-c", str(config)]

    def env(self, setup: Setup) -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}

    def version_command(self) -> list[str]:
        return [sys.executable, "-m", "proxy", "--version"]


class OursOnAsyncio(Ours):
    """The same without uvloop."""

    name = "ours-asyncio"

    def env(self, setup: Setup) -> dict[str, str]:
        return {**super().env(setup), "PROXY_LOOP": "asyncio"}


class OursBare(Ours):
    """What all that an operator wants is held against."""

    name = "ours-bare"
    only = frozenset({"small", "static1k"})

    def config(self, setup: Setup) -> str:
        return configs.ours_bare(setup)


class OursFull(OursBare):
    """All that an operator wants."""

    name = "ours-full"

    def config(self, setup: Setup) -> str:
        return configs.ours_full(setup)


class FixedAnswers(Subject):
    """What no server on uvloop can go below."""

    name = "fixed-answers"
    only = frozenset({"static1k", "static1k-304"})

    def command(self, setup: Setup, config: Path) -> list[str]:
        return [sys.executable, "-m", "benchmarks.fixed_answers", str(setup.listen)]

    def env(self, setup: Setup) -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}

    def version_command(self) -> list[str]:
        return [sys.executable, "-c", "import uvloop; print(uvloop.__version__)"]


class Nginx(Subject):
    name = "nginx"
    can_log = True

    def config(self, setup: Setup) -> str:
        return configs.nginx(setup)

    def command(self, setup: Setup, config: Path) -> list[str]:
        return [program("nginx"), "-c", str(config), "-e", str(setup.folder / "error.log")]

    def version_command(self) -> list[str]:
        return [program("nginx"), "-v"]


class HAProxy(Subject):
    name = "haproxy"
    serves_files = False

    def config(self, setup: Setup) -> str:
        return configs.haproxy(setup)

    def command(self, setup: Setup, config: Path) -> list[str]:
        return [program("haproxy"), "-db", "-f", str(config)]

    def version_command(self) -> list[str]:
        return [program("haproxy"), "-v"]


class Caddy(Subject):
    name = "caddy"

    def config(self, setup: Setup) -> str:
        return configs.caddy(setup)

    def command(self, setup: Setup, config: Path) -> list[str]:
        return [program("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"]

    def env(self, setup: Setup) -> dict[str, str]:
        home = str(setup.folder)
        return {"GOMAXPROCS": "1", "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}

    def version_command(self) -> list[str]:
        return [program("caddy"), "version"]


class AiohttpProxy(Subject):
    name = "aiohttp"
    can_be_secure = False

    def command(self, setup: Setup, config: Path) -> list[str]:
        ports = [str(setup.listen), str(setup.upstream)]
        return [sys.executable, "-m", "benchmarks.aiohttp_proxy", *ports, str(setup.site)]

    def env(self, setup: Setup) -> dict[str, str]:
        return {"PYTHONPATH": str(ROOT)}

    def version_command(self) -> list[str]:
        return [sys.executable, "-c", "import aiohttp; print(aiohttp.__version__)"]


SUBJECTS: dict[str, Subject] = {
    subject.name: subject
    for subject in (
        Ours(), OursOnAsyncio(), OursBare(), OursFull(), FixedAnswers(), Nginx(), HAProxy(), Caddy(),
        AiohttpProxy())
}


@contextmanager
def served(subject: Subject, setup: Setup, cpu: int, path: str) -> Iterator[int]:
    """A subject that runs and has answered `path`; gives the root of its process tree."""
    config, log = setup.folder / "config", setup.folder / "output.log"
    config.write_text(subject.config(setup))
    with running(subject.command(setup, config), cpu, log, subject.env(setup)) as process:
        wait_until_ready(process, setup.listen, path, log, secure=setup.pem is not None)
        yield process.pid
