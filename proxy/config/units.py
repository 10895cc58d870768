"""Durations, sizes and shares, as the file writes them.

The rule of this room: a number without its unit is refused. Whether `timeout: 5` is five seconds
or five milliseconds depends on the program that one used last.
"""

from __future__ import annotations

import re
from typing import Final

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
OCTETS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

DURATION_PATTERN: Final = r"[0-9]{1,12}(?:\.[0-9]{1,6})?(?:ms|s|m|h|d)"
SIZE_PATTERN: Final = r"[0-9]{1,15}(?:\.[0-9]{1,6})?(?:[KMG]iB)?"
PERCENT_PATTERN: Final = r"[0-9]{1,6}(?:\.[0-9]{1,6})?%"

# What people write who come from other programs, in lower case.
_MEANT_DURATIONS: Final = {
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
_MEANT_SIZES: Final = {
    **dict.fromkeys(("b", "byte", "bytes"), ""),
    **dict.fromkeys(("k", "kb", "kib"), "KiB"),
    **dict.fromkeys(("m", "mb", "mib"), "MiB"),
    **dict.fromkeys(("g", "gb", "gib"), "GiB"),
}
_PARTS = re.compile(r"([0-9.]{1,22}) *([A-Za-z]*)")


def duration(text: str) -> float:
    """Seconds of `250ms`, `5s`, `1.5m`, `1h` or `30d`.

    Raises:
        ValueError: not a duration; the message says what one is, or what was meant.
    """
    if not re.fullmatch(DURATION_PATTERN, text):
        meant = _meant(text, DURATION_PATTERN, _MEANT_DURATIONS)
        raise ValueError(f"is not a duration{meant} (250ms, 5s, 1m, 1h)")
    number, unit = _split(text)
    return float(number) * SECONDS[unit]


def size(text: str) -> int:
    """Octets of `512`, `16KiB`, `1MiB` or `1GiB`.

    Raises:
        ValueError: not a size, or not a whole number of octets.
    """
    if not re.fullmatch(SIZE_PATTERN, text):
        meant = _meant(text, SIZE_PATTERN, _MEANT_SIZES)
        raise ValueError(f"is not a size{meant} (512, 16KiB, 1MiB, 1GiB)")
    number, unit = _split(text)
    octets = float(number) * OCTETS[unit] if "." in number else int(number) * OCTETS[unit]
    if octets != int(octets):
        raise ValueError("is not a whole number of octets (512, 16KiB, 1MiB, 1GiB)")
    return int(octets)


def percent(text: str) -> float:
    """The fraction that `20%` is: 0.2.

    Raises:
        ValueError: not a percentage; the message says what was meant where it is clear.
    """
    if not re.fullmatch(PERCENT_PATTERN, text):
        near = text.replace(" ", "")
        meant = next((way for way in (near, near + "%") if re.fullmatch(PERCENT_PATTERN, way)), None)
        # 0.2 may be a fifth or a fifth of a percent: only a whole number has one meaning.
        hint = f"; did you mean {meant}?" if meant and ("." not in text or "%" in text) else ""
        raise ValueError(f"is not a percentage{hint} (20%)")
    return float(text[:-1]) / 100


def _split(text: str) -> tuple[str, str]:
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return number, text[len(number) :]


def _meant(text: str, pattern: str, units: dict[str, str]) -> str:
    """`; did you mean 5s?` where the unit is another program's."""
    if not (match := _PARTS.fullmatch(text)):
        return ""
    number, unit = match.groups()
    candidate = number + units.get(unit.lower(), unit)
    return f"; did you mean {candidate}?" if re.fullmatch(pattern, candidate) else ""
