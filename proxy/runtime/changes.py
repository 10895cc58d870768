"""What a worker is told about its pools while it serves (the texts are in `process.news`)."""

from __future__ import annotations

from typing import Any

from proxy.config.address import Address
from proxy.config.schema import Config, EndpointConfig
from proxy.runtime.build_pool import make_endpoint
from proxy.upstream.endpoint import Order
from proxy.upstream.membership import join, part
from proxy.upstream.pool import Pool


def tell(pool: Pool, config: Config, word: str, told: dict[str, Any]) -> None:
    """Pass on what the lookout has found out, or what the operator wants."""
    match word:
        case "health":
            pool.probe_told(told["endpoint"], up=told["up"], why=told["why"])
        case "addresses":
            pool.addresses_told(told["endpoint"], told["addresses"], told["shares"])
        case "order":
            pool.order(told["endpoint"], Order(told["order"]))
        case "weight":
            pool.set_share(told["endpoint"], told["weight"])
        case "pause":
            pool.pause(paused=told["paused"])
        case "endpoint" if told["there"]:
            item = EndpointConfig(
                address=Address.parse(told["endpoint"]), weight=told["weight"], backup=told["backup"],
                max_connections=told["max_connections"])
            endpoint = make_endpoint(item, config.pools[pool.name])
            join(pool, endpoint, unchecked=told["unchecked"])
        case "endpoint":
            part(pool, told["endpoint"])
