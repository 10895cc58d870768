"""Where the outside judges are, and how they are run; what they say is judged by the tests here.

They live beside the checkout, in `../shared` (or where SHARED_DIR says). Without them these tests
are skipped, but never where CI=true: a check that silently did not run is worse than none.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.support import HOST, ROOT, Program, connect, wait_until

SHARED = Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared")).resolve()


def judge(path):
    """A file of the judges."""
    file = SHARED / path
    if not file.exists():
        absent = f"no {file}; SHARED_DIR names the folder of the judges"
        if os.environ.get("CI"):
            pytest.fail(absent)
        pytest.skip(absent)
    return file


def run(path, *words, patience):
    """What a judge says; it is printed too, for whoever reads a failure."""
    command = [sys.executable, str(judge(path)), *map(str, words)]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience, check=False
    )
    print(ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stderr
    return ended.stdout


class Echo(Program):
    """The judges' strict origin."""

    def __init__(self, path, port):
        super().__init__([sys.executable, str(judge("exams/origin/echo.py")), str(port)], path, {})
        self.place = (HOST, port)

    def wait_ready(self):
        wait_until(self._listens, "the judges' origin")

    def _listens(self):
        try:
            connect(self.place).close()
        except ConnectionRefusedError:
            self._check_alive()
            return False
        return True
