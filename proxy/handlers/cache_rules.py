"""What a file's answers say about how long they may be kept.

The first rule of the configuration that has the file's name; else a build's manifest; else the
route's `max_age`. Nothing is read out of a name: `index-BxK3_9aZ.js` has a hash of its content in
it, and `chart-Version2.js` and `report-20261231.pdf` do not, and who is told once that a file will never
change does not ask again for a year. Only the build knows, and says so in its manifest; without one
a pattern says it, for a folder (`assets/*`) or by the digits (`~[.-][0-9a-f]{12}[.]`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from proxy.handlers.file_patterns import matcher

if TYPE_CHECKING:
    from proxy.config.static_rules import CacheRule

Fields = tuple[tuple[bytes, bytes], ...]

YEAR = 365 * 86400  # RFC 2616 section 14.21 asked for no more, and nobody has since


class CacheRules:
    """Fields by name.

    Args:
        rules: the first that matches counts.
        max_age: seconds, where neither they nor a manifest say anything; None says nothing.
        is_immutable: whether a name stands in a manifest, so that its content never changes.
    """

    __slots__ = ("_is_immutable", "_otherwise", "_rules")

    def __init__(self, rules: Sequence[CacheRule], max_age: float | None,
                 is_immutable: Callable[[bytes], bool] | None = None) -> None:
        self._rules = [(matcher(rule.files), _of_rule(rule)) for rule in rules]
        self._otherwise = _kept_for(max_age)
        self._is_immutable = is_immutable or frozenset[bytes]().__contains__

    def fields_for(self, name: bytes) -> Fields:
        """For a path below the root, such as b"assets/app.3f2a.js"."""
        for matches, fields in self._rules:
            if matches(name):
                return fields
        return IMMUTABLE if self._is_immutable(name) else self._otherwise


def _of_rule(rule: CacheRule) -> Fields:
    if rule.control is not None:
        return ((b"Cache-Control", rule.control.encode()),)
    return _kept_for(rule.max_age, immutable=rule.immutable)


def _kept_for(seconds: float | None, *, immutable: bool = False) -> Fields:
    if seconds is None:
        return ()
    # Not `public`: shared caches would keep what was sent to who gave his name (RFC 9111 section 3.5).
    value = b"max-age=%d" % int(seconds)
    return (
        (b"Cache-Control", value + b", immutable" if immutable else value),
        # For caches of HTTP/1.0; others pass it over (RFC 9111 section 5.3). See `ResponseHead.make`.
        (b"Expires", b"+%d" % int(seconds)))


IMMUTABLE = _kept_for(YEAR, immutable=True)
