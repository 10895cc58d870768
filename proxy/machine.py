"""What this machine is known by to itself."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")  # machine-id(5): secret from the network, the same after a restart


def has_id() -> bool:
    """Images of containers often have none, or an empty file."""
    return bool(_id())


@cache
def secret() -> str:
    """What nobody else can know: the machine's id, or else what is drawn now.

    Whoever has children that are to know the same asks before the first of them is forked.
    """
    return _id() or secrets.token_hex()


def _id() -> str:
    try:
        text = MACHINE_ID.read_text("ascii").strip()
    except (OSError, UnicodeError):
        return ""
    return "" if text == "uninitialized" else text
