"""config.example.yaml is valid, names every key there is, and tells the defaults as they are."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from proxy.config import schema
from proxy.config.load import load
from proxy.config.tls_schema import TlsConfig

EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"
TEXT = EXAMPLE.read_text("utf-8")
MARK = "# default: "
# Their absence has a meaning of its own, which the example tells in words.
NO_DEFAULT = {*schema.HANDLERS, "name", "match", "tests", *schema.Match.model_fields}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in re.findall(r"\$\{(\w+):-", TEXT):
        monkeypatch.delenv(name, raising=False)


def models_in(annotation):
    """The models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in getattr(annotation, "__args__", ()) for model in models_in(part)}


def all_models(model):
    found = {model}
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            found |= all_models(inner)
    return found


FIELDS = [
    (model, name)
    for model in sorted(all_models(schema.Config), key=lambda model: model.__name__)
    for name, field in model.model_fields.items()
    if field.description != schema.LATER and model is not TlsConfig  # files that no example has
]


def keys_of(node, value):
    """(the model, its key, the line's number) of every key that is a model's field."""
    if isinstance(node, yaml.SequenceNode) and isinstance(value, list):
        for inner, item in zip(node.value, value, strict=True):
            yield from keys_of(inner, item)
    elif isinstance(node, yaml.MappingNode):
        for key, inner in node.value:
            if isinstance(value, BaseModel):
                yield value, key.value, key.start_mark.line
            of = value[key.value] if isinstance(value, dict) else getattr(value, key.value, None)
            yield from keys_of(inner, of)


def example_keys(file):
    """The same with the lines themselves."""
    text = file.read_text("utf-8")
    lines = text.splitlines()
    return [(model, name, lines[number]) for model, name, number in keys_of(yaml.compose(text), load(file))]


def default_of(model, name):
    """What the field is when the file says nothing."""
    fields = type(model).model_fields.items()
    required = {key: getattr(model, key) for key, field in fields if field.is_required()}
    return getattr(type(model)(**required), name)


def test_every_key_stands_in_it():
    there = {(type(model), name) for model, name, _ in example_keys(EXAMPLE)}
    assert not [f"{model.__name__}.{name}" for model, name in FIELDS if (model, name) not in there]


def test_every_default_is_told():
    told = {(type(model), name) for model, name, line in example_keys(EXAMPLE) if MARK in line}
    silent = [
        f"{model.__name__}.{name}"
        for model, name in FIELDS
        if name not in NO_DEFAULT
        and not model.model_fields[name].is_required()
        and not models_in(model.model_fields[name].annotation)
        and (model, name) not in told
    ]
    assert not silent


def test_the_defaults_told_are_the_defaults(tmp_path):
    told = re.sub(rf"(?m)^( *(?:- )?\w+: +)[^\s#].*? +{MARK}(.*?)(  .*)?$", rf"\1\2 {MARK}", TEXT)
    file = tmp_path / "told.yaml"
    file.write_text(told.replace("proxy/demo", str(EXAMPLE.parent / "proxy/demo")))
    assert told != TEXT
    wrong = [
        line
        for model, name, line in example_keys(file)
        if MARK in line and getattr(model, name) != default_of(model, name)
    ]
    assert not wrong


def test_it_has_no_warnings():
    assert not schema.warnings_of(load(EXAMPLE))
