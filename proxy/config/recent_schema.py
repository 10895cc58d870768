"""The exchanges that a worker remembers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from proxy.config.model import Model, Seconds, coded
from proxy.config.rules import Whole


class Recent(Model):
    """What can still be asked about; nothing of bodies is kept, and no secret is shown."""

    requests: Annotated[int, Whole(1, 100_000)] = Field(256, description="The last ones, in each worker.")
    remarkable: Annotated[int, Whole(1, 100_000)] = Field(
        256, description="The last that failed (5xx, retried, or the client went away) or were slow."
    )
    slow: Seconds = coded("1s", "How long an answer's head may take before its exchange is a slow one.")
