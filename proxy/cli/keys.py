"""Single keys from a terminal, as they are pressed."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

NAMES: Final = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down", b"\x1b": "escape"}


@contextmanager
def raw() -> Iterator[bool]:
    """Have keys come one by one, unseen; False where there is no terminal."""
    if not sys.stdin.isatty():
        yield False
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield True
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def pressed() -> Iterator[str]:
    """One after the other, for ever; arrows by their names."""
    while octets := os.read(sys.stdin.fileno(), 32):
        if name := NAMES.get(octets):
            yield name
        else:
            yield from octets.decode(errors="ignore")
