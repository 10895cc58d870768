"""One table of all operations: the routes and the OpenAPI document are made from it.

The rule of this room: an operation is a line of `TABLE` and a function; what it takes is checked
before the function is called, so that the function has models and no JSON.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from proxy.admin import models
from proxy.admin.problems import Problem
from proxy.admin.view import View

MEDIA_TYPE = "application/json"


@dataclass(frozen=True)
class Call:
    """One request of an operator, checked."""

    view: View
    request: web.Request
    path: Mapping[str, str]
    query: Any
    body: Any


Function = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """A method of a path.

    Args:
        function: gives what JSON can hold, or a response of its own.
        answer: what it gives.
        query, body: what it takes.
        problems: statuses it may answer beside those that all may.
        streams: it also gives text/event-stream, to who accepts that.
        media: of the answer, if it is not JSON.
    """

    method: str
    path: str
    function: Function
    summary: str
    answer: type[BaseModel] | None
    many: bool = False
    query: type[BaseModel] = models.Nothing
    body: type[BaseModel] | None = None
    problems: tuple[int, ...] = ()
    streams: bool = False
    media: str = MEDIA_TYPE

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """What aiohttp calls."""
        query = _checked(self.query, dict(request.query), "query")
        body = None if self.body is None else _checked(self.body, await _json(request), "body")
        answer = await self.function(Call(request.app[VIEW], request, request.match_info, query, body))
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


VIEW = web.AppKey("view", View)


async def _json(request: web.Request) -> Any:
    octets = await request.read()
    if not octets:
        return {}
    try:
        return json.loads(octets)
    except ValueError as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


def _checked(model: type[BaseModel], value: Any, where: str) -> BaseModel:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Problem(422, "; ".join(
            f"{'.'.join([where, *map(str, one['loc'])])}: {one['msg']}" for one in error.errors())) from None
