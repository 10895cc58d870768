"""The OpenAPI 3.1 document, from the same table as the routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from proxy import __version__
from proxy.admin.models import ProblemDetails
from proxy.admin.problems import MEDIA_TYPE as PROBLEM
from proxy.admin.table import MEDIA_TYPE, Operation

Json = dict[str, Any]

REFERENCE: Final = "#/components/schemas/{model}"
WORDS: Final = {
    400: "The request is broken.",
    401: "The token is missing or wrong.",
    403: "The request comes from a foreign page, or asks for a foreign name.",
    404: "There is no such thing.",
    409: "It does not go with how things stand.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    422: "A value is wrong.",
    503: "The process that knows does not answer.",
}
ALWAYS: Final = (401, 403, 422, 503)
OF_BODIES: Final = (400, 413, 415)


def document(operations: Iterable[Operation]) -> Json:
    """The whole of it."""
    operations = tuple(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Admin API of the proxy", "version": __version__},
        "paths": paths,
        "components": {"schemas": _schemas(operations), "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "admin.token, if there is one."}}},
        "security": [{}, {"token": []}],
    }


def _schemas(operations: Iterable[Operation]) -> Json:
    given = {operation.answer for operation in operations if operation.answer} | {ProblemDetails}
    taken = {operation.body for operation in operations if operation.body}
    models: list[tuple[type[BaseModel], Any]] = [
        *((model, "serialization") for model in sorted(given, key=_name)),
        *((model, "validation") for model in sorted(taken, key=_name))]
    _, schemas = models_json_schema(models, ref_template=REFERENCE)
    return dict(schemas["$defs"])


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _operation(operation: Operation) -> Json:
    words = re.findall(r"\w+", operation.path.replace("/api", ""))
    told: Json = {
        "operationId": "_".join([operation.method.lower(), *words]).replace("-", "_"),
        "summary": operation.summary,
        "parameters": [*_path(operation), *_query(operation)],
        "responses": {"200": _answer(operation), **_problems(operation)},
    }
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": {MEDIA_TYPE: {"schema": _ref(operation.body)}}}
    return told


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": REFERENCE.format(model=model.__name__)}


def _path(operation: Operation) -> Iterator[Json]:
    for name in re.findall(r"\{(\w+)\}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(operation: Operation) -> Iterator[Json]:
    properties = operation.query.model_json_schema().get("properties", {})
    for name, schema in properties.items():
        schema.pop("title", None)
        yield {"name": name, "in": "query", "required": False, "schema": schema}


def _answer(operation: Operation) -> Json:
    content: Json = {}
    if operation.answer is not None:
        one = _ref(operation.answer)
        content[operation.media] = {"schema": {"type": "array", "items": one} if operation.many else one}
    if operation.answer is None or operation.streams:
        content.setdefault("text/event-stream" if operation.streams else operation.media,
                           {"schema": {"type": "string"}})
    return {"description": operation.summary, "content": content}


def _problems(operation: Operation) -> Json:
    statuses = {*ALWAYS, *operation.problems, *(OF_BODIES if operation.body is not None else ())}
    content = {PROBLEM: {"schema": _ref(ProblemDetails)}}
    return {str(status): {"description": WORDS[status], "content": content} for status in sorted(statuses)}
