"""From plain values to a `Config`, or to errors in our own words, with their places.

The models say most of it themselves (see `rules`). What is left to pydantic is what has no
value to look at: a key too many, a key too few, a list where a mapping should be.
"""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from proxy.config.checks import check
from proxy.config.document import BROKEN, Document, Key
from proxy.config.errors import ConfigError, ConfigErrors
from proxy.config.rules import NotYet
from proxy.config.scalars import Numeral
from proxy.config.schema import Config
from proxy.config.wording import choices, nearest, quoted, shown

KEY_ITSELF = "[key]"  # what pydantic ends a path with where a mapping's key is wrong, not its value


def decode(document: Document, folder: Path) -> Config:
    """Make the configuration.

    Raises:
        ConfigErrors: everything that is wrong, also what was wrong with the document.
    """
    errors = list(document.errors)
    data, config = document.root.value, None
    if isinstance(data, dict):
        try:
            config = Config.model_validate(data, context=folder)
        except ValidationError as error:
            errors += translate(error, document)
        errors += [document.error(loc, message) for loc, message in check(data, folder)]
    elif data is not BROKEN:
        errors.append(document.error((), _no_mapping(data)))
    if errors or config is None:
        raise ConfigErrors(errors)
    return config


def _no_mapping(data: object) -> str:
    needs = "a configuration is a mapping with at least the keys listen and routes"
    return f"the file is empty; {needs}" if data is None else f"the file holds {shown(data)}; {needs}"


def translate(error: ValidationError, document: Document) -> list[ConfigError]:
    """Each of pydantic's errors as one of ours; what was reported already is left out."""
    errors = []
    for details in error.errors(include_url=False):
        loc = tuple(part for part in details["loc"] if part != KEY_ITSELF)
        kind, given = details["type"], details["input"]
        if given is not BROKEN or kind == "extra_forbidden":
            at = details.get("ctx", {}).get("at", 0)
            errors.append(document.error(loc, _message(kind, details["msg"], loc, given), at))
    return errors


def _message(kind: str, message: str, loc: tuple[Key, ...], given: object) -> str:
    if kind == "wrong":
        return message
    if kind == "missing":
        return f"is missing; {_description(loc)}"
    if kind == "extra_forbidden":
        names = keys_of(model_at(loc[:-1]))
        return f"{quoted(str(loc[-1]))} is not a key here{nearest(loc[-1], names)}{choices(names)}"
    if kind == "too_short":
        return "an empty list; give at least one"
    if kind in ("list_type", "dict_type", "model_type"):
        return f"{shown(given)} is not {_container(kind, loc, given)}"
    return f"{shown(given)} cannot stand here"


def _container(kind: str, loc: tuple[Key, ...], given: object) -> str:
    if kind == "list_type":
        return f"a list; a list of one is [{shown(given)}]" if isinstance(given, str | Numeral) else "a list"
    model = model_at(loc)
    return "a mapping" + (choices(f"{name}:" for name in keys_of(model)) if model else "")


def _description(loc: tuple[Key, ...]) -> str:
    model = model_at(loc[:-1])
    return str(model.model_fields[str(loc[-1])].description) if model else ""


def keys_of(model: type[BaseModel] | None) -> list[str]:
    """The keys that a mapping may have in this release."""
    fields = model.model_fields.items() if model else ()
    return [name for name, field in fields if not any(isinstance(rule, NotYet) for rule in field.metadata)]


def model_at(loc: tuple[Key, ...]) -> type[BaseModel] | None:
    """The model that decodes what stands at a path; None where that is no mapping of ours."""
    kind: Any = Config
    for part in loc:
        if _is_model(kind):
            field = kind.model_fields.get(part)
            kind = _bare(field.annotation) if field else None
        else:
            kind = _bare((get_args(kind) or (None,))[-1])  # of a list's items or a mapping's values
    return kind if _is_model(kind) else None


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _bare(kind: Any) -> Any:
    """An annotation without its rules and without `| None`."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = get_args(kind)[0]
    return kind
