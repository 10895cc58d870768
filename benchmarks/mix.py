"""A thousand different files, asked for as often as the files of a real site are: few often, most seldom.

Deterministic: names, sizes, contents and the order of requests are the same for every proxy of
every run. Sizes are spread evenly over the powers of two from 1 to 64 KB (so that small ones are
the many), and have nothing to do with how often a file is asked for.
"""

from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path

FILES = 1000
LEAST, MOST = 2**10, 2**16
EXPONENT = 1.0  # of Zipf's law: the tenth file is asked for a tenth as often as the first
REQUESTS = 4096  # of each client, then the same again
FOLDER = "mix"

_WEIGHTS = list(accumulate(1 / rank**EXPONENT for rank in range(1, FILES + 1)))


def name(number: int) -> str:
    """Below the site's folder."""
    return f"{FOLDER}/{number:04d}.html"


def sizes() -> list[int]:
    """The octets of each file."""
    rng = random.Random(FILES)
    return [round(LEAST * (MOST / LEAST) ** rng.random()) for _ in range(FILES)]


def make_files(site: Path) -> None:
    """Write them; their octets do not repeat."""
    (site / FOLDER).mkdir()
    for number, size in enumerate(sizes()):
        (site / name(number)).write_bytes(random.Random(number).randbytes(size))


def choices(client: int) -> list[int]:
    """The files that one client asks for, in turn."""
    return random.Random(client).choices(range(FILES), cum_weights=_WEIGHTS, k=REQUESTS)
