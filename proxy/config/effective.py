"""The configuration as it runs, for people and programs: every key, defaults too, and no secret.

The rule of this room: a value is shown as a user would write it, where its rule can tell how.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from proxy.certificates import day
from proxy.config.cases import Case, told
from proxy.config.rules import Duration, Percent, Size
from proxy.config.tls_schema import TlsConfig, certificate_of

HIDDEN: Final = "***"
SECRET: Final = re.compile(r"(?i)token|secret|password|passwd|authorization|cookie|api[_-]?key|credential")
UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
SIZES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))

Hide = Callable[[object], str]


def hidden(secret: object) -> str:
    return HIDDEN


def sealed(secret: object) -> str:
    """Hidden, but so that another one is seen to be another one."""
    return HIDDEN + hashlib.blake2b(str(secret).encode(), digest_size=8).hexdigest()


def effective(model: BaseModel, hide: Hide = hidden) -> dict[str, Any]:
    """What a model holds, as JSON can hold it.

    Args:
        hide: what stands in the place of a secret.
    """
    rules = _rules_of(type(model))
    told = {name: _secret(name, value, hide) or _shown(value, rules[name], hide)
            for name, value in vars(model).items()}
    return {**told, **_found(model)} if isinstance(model, TlsConfig) else told


def _found(tls: TlsConfig) -> dict[str, Any]:
    """What the files hold, which may change while their names stay."""
    shown = certificate_of(tls)
    return {"names": list(shown.names), "expires": day(shown.expires), "mark": shown.mark}


@cache
def _rules_of(kind: type[BaseModel]) -> dict[str, list[Any]]:
    """Of each field; pydantic looks them up anew each time, which takes half of the whole."""
    return {name: field.metadata for name, field in kind.model_fields.items()}


def _secret(name: str, value: object, hide: Hide) -> str | None:
    """In the place of a secret; a cookie's name is none, what a header says may be one."""
    return hide(value) if value is not None and name in ("token", "secret") else None


def _shown(value: object, rules: list[Any], hide: Hide) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, BaseModel):
        return effective(value, hide)
    if isinstance(value, Case):
        return told(value, SECRET.search, hide)
    if isinstance(value, dict):
        return {str(name): hide(inner) if _is_secret(str(name), inner) else _shown(inner, [], hide)
                for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(inner, [], hide) for inner in value]
    for rule in rules:
        if isinstance(rule, Duration | Percent | Size) and isinstance(value, int | float):
            return written(value, rule)
    return value if isinstance(value, int | float) else str(value)


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and SECRET.search(name) is not None


def written(value: float, rule: Duration | Percent | Size) -> str | int:
    """A number in the units of its rule."""
    if isinstance(rule, Percent):
        return f"{value * 100:g}%"
    if isinstance(rule, Size):
        fits = (f"{int(value) // unit}{name}" for unit, name in SIZES if value and value % unit == 0)
        return next(fits, int(value))
    if 0 < value < 1:
        return f"{value * 1000:g}ms"
    fits = (f"{value / unit:g}{name}" for unit, name in UNITS if value and value % unit == 0)
    return next(fits, f"{value:g}s")
