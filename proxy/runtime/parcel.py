"""A checked configuration on its way from one process to another.

The rule of this room: it is read from the file once, by one process, so that all have the same, and none
of those that serve has to read YAML while clients wait. It goes in pieces, as a thousand routes at one go
would take 20 ms to unpack. Only what is our own is ever unpacked: the memory has no name.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from typing import Any, BinaryIO

from proxy.config.schema import Config
from proxy.runtime.slices import Steps


def new_parcel() -> int:
    """Memory that has room for one, as a descriptor to hand on."""
    return os.memfd_create("configuration")


def pack(config: Config, parcel: int) -> None:
    """Put a configuration in."""
    with open(parcel, "wb", closefd=False) as file:
        rest = config.model_copy(update={"routes": [], "pools": {}})
        for piece in (rest, *config.pools.items(), *config.routes):
            pickle.dump(piece, file, pickle.HIGHEST_PROTOCOL)


def unpack(parcel: int) -> Steps[Config]:
    """Take it out again; others have the same parcel."""
    config, pools, routes = None, {}, []
    for piece in _pieces(parcel):
        if config is None:
            config = piece
        elif isinstance(piece, tuple):
            pools[piece[0]] = piece[1]
        else:
            routes.append(piece)
        yield None
    if config is None:
        raise ValueError("the parcel is empty")
    whole: Config = config.model_copy(update={"pools": pools, "routes": routes})
    return whole


def _pieces(parcel: int) -> Iterator[Any]:
    file: BinaryIO
    with open(f"/proc/self/fd/{parcel}", "rb") as file:  # opened anew: who has the same descriptor reads, too
        while file.peek(1):
            yield pickle.load(file)  # noqa: S301 - see above
