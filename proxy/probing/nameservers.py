"""Which nameservers are asked: what the environment variable PROXY_DNS says.

Apart from `lookup`, so that the command line can say what is wrong with it without loading a resolver.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from proxy.config.address import Address
from proxy.config.wording import quoted

VARIABLE: Final = "PROXY_DNS"
ALLOWED: Final = "(as in 10.0.0.2, 127.0.0.1:5353 or [::1]:53; several are separated by commas)"


def nameservers_of(environ: Mapping[str, str]) -> list[str]:
    """What PROXY_DNS says: "127.0.0.1:5353, [::1]:53, 10.0.0.2"; empty if it says nothing.

    Raises:
        ValueError: it is no list of IP addresses; a line for each that is none.
    """
    texts = [text.strip() for text in environ.get(VARIABLE, "").split(",")]
    found, wrong = [], []
    for text in filter(None, texts):
        try:
            found.append(nameserver(text))
        except ValueError as error:
            wrong.append(f"environment variable {VARIABLE}: {error} {ALLOWED}")
    if wrong:
        raise ValueError("\n".join(wrong))
    return found


def nameserver(text: str, port: int = 53) -> str:
    """An IP address with its port, or with that one.

    Raises:
        ValueError: it is something else.
    """
    try:
        return str(Address(str(ip_address(text)), port))
    except ValueError:
        pass
    try:
        address = Address.parse(text)
        ip_address(address.host)
    except ValueError:
        raise ValueError(f"{quoted(text)} is not an IP address, with or without a port") from None
    if not address.port:
        raise ValueError(f"{quoted(text)} has the port 0, which is out of range (1 to 65535)")
    return str(address)
