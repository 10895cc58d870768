"""Shorter ways to write lists and sections, as annotations beside the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from proxy.config.rules import REFERENCE, Json, Rule, wrong
from proxy.config.scalars import Numeral, retype


@dataclass(frozen=True)
class OneOrMany:
    """One item, or a list of items that is not empty unless that means something; perhaps null for none."""

    empty: bool = False
    optional: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._as_list, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        many = handler(schema)
        forms = [many["items"], many if self.empty else {**many, "minItems": 1}]
        return {"anyOf": [*forms, {"type": "null"}] if self.optional else forms}

    def _as_list(self, value: object) -> object:
        if value == [] and not self.empty:
            raise wrong("an empty list matches nothing; leave the key out, or give at least one")
        if value is None and self.optional:
            return []
        return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Section:
    """A mapping that is as good as absent where nothing stands in it, as in `timeouts:` alone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_as_mapping, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"anyOf": [handler(schema), {"type": "null"}]}


def _as_mapping(value: object) -> object:
    return {} if value is None else value


@dataclass(frozen=True)
class NullIsAbsent:
    """Of several keys one is wanted: an editor counts keys, so that it had better see no null."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        forms = [form for form in handler(schema)["anyOf"] if form != {"type": "null"}]
        return forms[0] if len(forms) == 1 else {"anyOf": forms}


@dataclass(frozen=True)
class OrFalse:
    """A section that is there without being written, or `false` for none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(_false_as_none, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"anyOf": [*handler(schema)["anyOf"], {"const": False}, REFERENCE]}


def _false_as_none(value: object, info: ValidationInfo) -> object:
    value = retype(value)
    if value is None and info.context is not None:  # from a file, where it is an empty section
        return {}
    return None if value is False else value


@dataclass(frozen=True)
class OrNothing:
    """A section that must be written to be there: null and `false` are none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_nothing_as_none, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"anyOf": [*handler(schema)["anyOf"], {"const": False}, REFERENCE]}


def _nothing_as_none(value: object) -> object:
    value = retype(value)
    return None if value is False else value


@dataclass(frozen=True)
class OnOff:
    """A section that must be written to be there; `true` is one of defaults, null and `false` are none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_true_as_mapping, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"anyOf": [*handler(schema)["anyOf"], {"type": "boolean"}, REFERENCE]}


def _true_as_mapping(value: object) -> object:
    value = retype(value)
    return {} if value is True else None if value is False else value


@dataclass(frozen=True)
class ShortForm:
    """A mapping, or the value of its one important key alone."""

    key: str
    rule: Rule

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._as_mapping, handler(source))

    def _as_mapping(self, value: object) -> object:
        short = isinstance(value, (str, Numeral, bool, list)) or value is None
        return {self.key: value} if short or type(value) in self.rule.decoded else value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"anyOf": [self.rule.json(), REFERENCE, handler(schema)]}
