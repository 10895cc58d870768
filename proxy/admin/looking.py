"""Operations that change nothing."""

from __future__ import annotations

from typing import Any

from proxy.admin.problems import Problem
from proxy.admin.table import Call
from proxy.observe.events import Record


async def status(call: Call) -> Any:
    return await call.view.status()


async def config(call: Call) -> Any:
    return await call.view.one("supervisor", "config")


async def pools(call: Call) -> Any:
    return await call.view.pools()


async def pool(call: Call) -> Any:
    return await find_pool(call)


async def find_pool(call: Call) -> dict[str, Any]:
    """The pool that the path names.

    Raises:
        Problem: there is none of that name.
    """
    name = call.path["pool"]
    found = await call.view.pools()
    for one in found:
        if one["name"] == name:
            return one
    raise Problem(404, f"there is no pool {name!r}; there are {', '.join(one['name'] for one in found)}")


async def find_endpoint(call: Call, address: str | None = None) -> dict[str, Any]:
    """The endpoint of that address, or that the path names.

    Raises:
        Problem: the pool has none of that address.
    """
    one, address = await find_pool(call), address or call.path["endpoint"]
    for endpoint in one["endpoints"]:
        if address in (endpoint["address"], endpoint["origin"]):
            return dict(endpoint)
    known = ", ".join(endpoint["address"] for endpoint in one["endpoints"])
    raise Problem(404, f"the pool {one['name']} has no endpoint {address!r}; it has {known}")


async def endpoint(call: Call) -> Any:
    return await find_endpoint(call)


def chosen(records: list[Record], query: Any) -> list[Record]:
    """Those that a query asks for."""
    return [record for record in records if record["id"] > query.after and all(
        wanted is None or record[name] == wanted
        for name, wanted in (("kind", query.kind), ("pool", query.pool), ("endpoint", query.endpoint)))]


async def requests(call: Call) -> Any:
    return await call.view.requests()


async def explain(call: Call) -> Any:
    name = call.path["request"]
    if (story := await call.view.explained(name)) is None:
        raise Problem(404, f"no request {name!r} is kept; there are the last ones, and those that failed or "
                      "were slow: /api/requests")
    return story


async def log_levels(call: Call) -> Any:
    replies = await call.view.asker.ask("all", "level")
    return {"levels": replies.values}
