"""What a browser says about a file that it has; learnt from each proxy, as each makes its own entity tags."""

from __future__ import annotations

import http.client

PATIENCE = 10.0

Validators = tuple[tuple[str, str], ...]


def validators(port: int, path: str) -> Validators:
    """If-None-Match and If-Modified-Since, once it is certain that they are answered with 304.

    Raises:
        RuntimeError: they are not; wrk would count whole answers as if they were.
    """
    status, headers = _ask(port, path, {})
    pairs = (("If-None-Match", headers["ETag"]), ("If-Modified-Since", headers["Last-Modified"]))
    fields = {name: value for name, value in pairs if value}
    again, _ = _ask(port, path, fields)
    if (status, again) != (200, 304) or "If-None-Match" not in fields:
        raise RuntimeError(f"{path}: {status}, and {again} with {fields}; 200 and 304 were to come")
    return tuple(fields.items())


def _ask(port: int, path: str, fields: dict[str, str]) -> tuple[int, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=fields)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()
