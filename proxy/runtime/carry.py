"""What a new runtime has of the one before it, and what becomes of the rest.

The rule of this room: what has an identity goes on. Pools are known by their names and endpoints by their
addresses in them, so routes of the new runtime lead to the old pools; a pool whose part of the
configuration changed becomes what it says now, in the moment of the change and not before. Files in memory
go on where their folder is served by the same rules, and what heads were parsed to where the limits are the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from proxy.config.schema import Config, EndpointConfig, PoolConfig
from proxy.config.static_schema import StaticConfig
from proxy.handlers.static import Static
from proxy.handlers.static_cache import SHELF
from proxy.upstream.disguise import Place
from proxy.upstream.pool import Pool
from proxy.upstream.siblings import places_of
from proxy.upstream.succession import Heirs, retire, succeed
from proxy.wire.headers import HeaderMemo

if TYPE_CHECKING:
    from proxy.runtime.runtime import Runtime


class Carry:
    """From one runtime to the next.

    Args:
        config: of the new one.
        old_config, old: None at a start.
    """

    def __init__(self, config: Config, old_config: Config | None = None, old: Runtime | None = None) -> None:
        self._config = config
        self._old_config = old_config
        self._old = old
        self._heads = old_config is not None and old_config.limits.headers == config.limits.headers
        self._around = old_config is not None and surroundings(old_config) == surroundings(config)
        self.statics: list[Static] = []  # of the new one
        self._statics: dict[bytes, list[Static]] = {}
        self._changes: list[tuple[Pool, Pool, Heirs]] = []
        for static in () if old is None else old.statics:
            self._statics.setdefault(static.prefix, []).append(static)

    def pool(self, name: str, build: Callable[[frozenset[Place]], Pool]) -> Pool:
        """The pool of that name: the old one if there is one, whatever it is to become.

        Args:
            build: a new one, which hides these addresses, too.
        """
        if self._old is None or self._old_config is None or name not in self._old.pools:
            return build(frozenset())
        pool = self._old.pools[name]
        was, is_now = self._old_config.pools[name], self._config.pools[name]
        if was != is_now or not self._around:
            becomes = build(self.places(name))
            self._changes.append((pool, becomes, heirs(was, is_now)))
        return pool

    def places(self, name: str) -> frozenset[Place]:
        """Where endpoints of the old pool are, which answer for a while after they have gone."""
        return frozenset() if self._old is None or name not in self._old.pools else places_of(
            *self._old.pools[name].endpoints)

    def static(self, config: StaticConfig, prefix: bytes) -> Static:
        """The handler that serves this folder under this prefix, by the same rules if there is one."""
        known = (one for one in self._statics.get(prefix, ()) if one.config == config)
        found = next(known, None) or Static(config, prefix)
        self.statics.append(found)
        return found

    def headers(self) -> HeaderMemo:
        if self._old is not None and self._heads:
            return self._old.headers
        return HeaderMemo(self._config.limits.headers)

    def hand_over(self, new: Runtime) -> None:
        """To a new runtime that is not in force yet."""
        new.statics = self.statics
        if self._old is not None:
            new.lines, new.counters = self._old.lines, self._old.counters

    def settle(self, new: Runtime) -> None:
        """The new runtime takes over."""
        SHELF.resize(self._config.buffers.static)
        for pool, becomes, going_on in self._changes:
            succeed(pool, becomes, going_on)
        if self._old is None:
            return
        for name in self._old.pools.keys() - new.pools.keys():
            retire(self._old.pools[name])
        for static in self._old.statics:
            if static not in self.statics:
                static.forget()


def surroundings(config: Config) -> tuple[object, ...]:
    """What pools go by that stands elsewhere in the file."""
    timeouts = config.timeouts
    return (timeouts.connect, timeouts.response_head, timeouts.response_body, timeouts.tunnel,
            public_hosts(config))


def public_hosts(config: Config) -> frozenset[str]:
    """The names that clients ask for."""
    return frozenset(host.lower() for route in config.routes for host in route.match.host)


def heirs(was: PoolConfig, is_now: PoolConfig) -> Heirs:
    old = {str(endpoint.address): endpoint for endpoint in was.endpoints}
    same = [endpoint for endpoint in is_now.endpoints if _is_same(old.get(str(endpoint.address)), endpoint)]
    reweighed = names_of(one for one in same if one.weight != old[str(one.address)].weight)
    return Heirs(
        names_of(was.endpoints), names_of(same), reweighed,
        strategy=(was.strategy, was.hash_key) == (is_now.strategy, is_now.hash_key),
        checked=is_now.health_check is not None)


def _is_same(was: EndpointConfig | None, is_now: EndpointConfig) -> bool:
    return was is not None and (was.resolve, was.protocol) == (is_now.resolve, is_now.protocol)


def names_of(endpoints: Iterable[EndpointConfig]) -> frozenset[str]:
    return frozenset(str(endpoint.address) for endpoint in endpoints)
