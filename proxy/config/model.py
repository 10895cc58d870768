"""What all models share: their base, and the kinds of values that many keys have.

The rule of this room: a default is written as a user would write it, and decoded by the same rule.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from proxy.config.rules import Duration, Flag, NotYet, Size

LATER: Final = "Not in this release yet."

Later = Annotated[None, NotYet()]
Seconds = Annotated[float, Duration()]
SecondsOrNone = Annotated[float | None, Duration(optional=True)]
Octets = Annotated[int, Size()]
Bool = Annotated[bool, Flag()]


def coded(default: str | list[str] | None, description: str) -> Any:
    """A field whose default is written as in the file."""
    return Field(default, validate_default=True, description=description)


class Model(BaseModel):
    """What all models here are like."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=False)
