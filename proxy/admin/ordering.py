"""Operations that change something.

The rule of this room: an order is checked against what the workers have, given to the supervisor, and
answered with how things stand then, as the workers tell it.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.admin.looking import find_endpoint, find_pool, log_levels
from proxy.admin.problems import Problem
from proxy.admin.table import Call
from proxy.config.address import Address

LONGEST_RELOAD: Final = 150.0  # seconds; more than all its stages may take together


async def drain(call: Call) -> Any:
    """Finish what runs; clients that are stuck to it stay."""
    return await _order(call, "drain")


async def disable(call: Call) -> Any:
    """Finish what runs, have nothing new."""
    return await _order(call, "disabled")


async def enable(call: Call) -> Any:
    """Work again."""
    return await _order(call, "ready")


async def _order(call: Call, wanted: str) -> Any:
    return await _tell(call, "order", {"order": wanted})


async def weight(call: Call) -> Any:
    return await _tell(call, "weight", {"weight": call.body.weight})


async def _tell(call: Call, what: str, wanted: dict[str, Any]) -> Any:
    """Give an order about the endpoint that the path names; its state afterwards."""
    endpoint = await find_endpoint(call)
    address = call.path["endpoint"] if call.path["endpoint"] == endpoint["origin"] else endpoint["address"]
    await call.view.one("supervisor", what, {"pool": call.path["pool"], "endpoint": address, **wanted})
    return await find_endpoint(call)


async def add(call: Call) -> Any:
    """Another endpoint; checks are made of it as of the others."""
    pool = await find_pool(call)
    address = parsed(call.body.address)
    if any(address in (endpoint["address"], endpoint["origin"]) for endpoint in pool["endpoints"]):
        raise Problem(409, f"the pool {pool['name']} has {address} already; POST to its /weight changes that")
    wanted = {**call.body.model_dump(), "pool": pool["name"], "address": address}
    await call.view.one("supervisor", "add", wanted)
    return await find_endpoint(call, address)


def parsed(text: str) -> str:
    """An address as the others write it.

    Raises:
        Problem: it is none.
    """
    try:
        address = Address.parse(text)
    except ValueError as error:
        raise Problem(422, f"body.address: {text!r} {error}") from None
    if address.path is None and not address.port:
        raise Problem(422, f"body.address: {text!r} has no port (host:port, [::1]:port or unix:/path)")
    return str(address)


async def remove(call: Call) -> Any:
    """Let an endpoint go; what runs there finishes."""
    pool, endpoint = await find_pool(call), await find_endpoint(call)
    name, origin = pool["name"], endpoint["origin"]
    if call.path["endpoint"] != origin:
        raise Problem(409, f"it is one of the addresses of {origin}; remove that, or disable this one")
    if all(other["origin"] == origin for other in pool["endpoints"]):
        raise Problem(409, f"the pool {name} has no other endpoint; add one first, or pause the pool")
    await call.view.one("supervisor", "remove", {"pool": name, "endpoint": origin})
    return await find_pool(call)


async def pause(call: Call) -> Any:
    return await _pause(call, paused=True)


async def resume(call: Call) -> Any:
    return await _pause(call, paused=False)


async def _pause(call: Call, *, paused: bool) -> Any:
    pool = await find_pool(call)
    if pool["paused"] is not paused:
        await call.view.one("supervisor", "pause", {"pool": pool["name"], "paused": paused})
    return await find_pool(call)


async def reload(call: Call) -> Any:
    """Take the configuration's file up anew."""
    outcome = await call.view.one("supervisor", "reload", seconds=LONGEST_RELOAD)
    if problems := outcome["problems"]:
        raise Problem(409, f"what ran before goes on: {problems[0]}", problems=problems)
    return outcome


async def set_log_level(call: Call) -> Any:
    await call.view.asker.ask("all", "level", {"level": call.body.level})
    return await log_levels(call)
