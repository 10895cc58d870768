"""What went wrong, for people and programs: one JSON form for every answer from 400 on (RFC 9457).

The rule of this room: `detail` says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aiohttp import web

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is none.

    Args:
        status: from 400 on.
        detail: a sentence that tells what to do about it.
        headers: further ones of the answer.
        problems: where there are several.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None,
                 problems: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.problems = list(problems)

    def answer(self) -> web.Response:
        told = {"title": HTTPStatus(self.status).phrase, "status": self.status, "detail": self.detail,
                "problems": self.problems}
        return web.json_response(told, status=self.status, headers=self.headers, content_type=MEDIA_TYPE)


def problem_of(error: web.HTTPException) -> Problem:
    """What aiohttp found wrong by itself, in our form."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(405, f"this path takes {allowed}, not {error.method}", {"Allow": allowed})
    if error.status == 404:
        return Problem(404, "there is no such path; /api/openapi.json names them all")
    if error.status == 413:
        return Problem(413, "the body is too long; none of ours has more than 64 KiB")
    return Problem(error.status, error.text or error.reason)
