"""Reading the plain values of a file, where no model says what they are.

The rule of this room: a value of the wrong kind is read as nothing, for its own rule reports it.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.config.address import Address, is_service
from proxy.config.document import BROKEN, Key
from proxy.config.scalars import Numeral, retype
from proxy.config.wording import key_path, quoted

Finding = tuple[tuple[Key, ...], str]
Values = dict[str, object]


def twice(items: list[object], loc: tuple[Key, ...], noun: str) -> Iterator[Finding]:
    """Addresses that an earlier item has already, however they are written."""
    seen: dict[Address, int] = {}
    for index, item in enumerate(items):
        short = not isinstance(item, dict)
        address = address_of(item if short else mapping_of(item).get("address"))
        if address is None or not (address.path or address.port or is_service(address.host)):
            continue
        first = seen.setdefault(address, index)
        if first != index:
            path = key_path((*loc, first))
            yield (*loc, index, "address"), f"{quoted(str(address))} is {noun} already, see {path}"


def address_of(value: object) -> Address | None:
    try:
        return Address.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def text_in(value: object) -> str | None:
    return str(value) if isinstance(value, (str, Numeral)) else None


def is_true(value: object) -> bool:
    return retype(value) is True


def mapping_of(value: object) -> Values:
    return value if isinstance(value, dict) else {}


def items_of(values: Values, key: str) -> list[object]:
    """A list, or what stands in its place where one item needs no list."""
    value = values.get(key)
    return value if isinstance(value, list) else [] if value in (None, BROKEN) else [value]
