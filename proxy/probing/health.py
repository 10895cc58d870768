"""From the results of probes to a state: up after `rise` good ones in a row, down after `fall` bad ones.

The rule of this room: no I/O and no time. The very first result decides alone, so that a start takes
one probe and not `rise` of them; what is served meanwhile is nothing, or what `start: optimistic` risks.
"""

from __future__ import annotations


class Health:
    """What is thought of an endpoint.

    Args:
        rise: good results in a row that bring it up.
        fall: bad ones that bring it down.
        up: what is known before the first probe; None is nothing.
    """

    __slots__ = ("_against", "_fall", "_rise", "up")

    def __init__(self, rise: int, fall: int, *, up: bool | None) -> None:
        self.up = up
        self._rise = rise
        self._fall = fall
        self._against = 0  # results in a row that speak against `up`

    def note(self, *, good: bool) -> str:
        """Take a result; where it changes the state, which results did, else ""."""
        if self.up is None:
            self.up = good
            return f"the first probe {'succeeded' if good else 'failed'}: "
        if good == self.up:
            self._against = 0
            return ""
        self._against += 1
        needed = self._rise if good else self._fall
        if self._against < needed:
            return ""
        self.up = good
        self._against = 0
        return f"{needed} of {needed} probes {'succeeded' if good else 'failed'}, last: "
