"""Addresses of listeners and endpoints: one small type, three ways to write it.

No pydantic here: workers and tests make addresses too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from proxy.config.wording import quoted

LONGEST_PATH = 107  # octets: sun_path of unix(7) less its final NUL
ADDRESS_PATTERN: Final = r"unix:.+|\[[^\]\s]+\]:[0-9]{1,5}|[^\s:/\[\]]+:[0-9]{1,5}|_[^\s:/\[\]]+"
FORMS: Final = "(host:port, [::1]:port or unix:/path)"

_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where to listen or to connect; `str()` gives the canonical way to write it.

    Args:
        host: a name in lower case, an IPv4 or a compressed IPv6 address; empty for a Unix socket.
        port: 0 for a Unix socket, for a listener that takes any free port, and for a service without one.
        path: of a Unix socket, absolute; None for TCP.
    """

    host: str
    port: int
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        if is_service(self.host) and not self.port:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `host:port`, `[v6]:port` or `unix:/path`; a service needs no port.

        Raises:
            ValueError: the message ends what begins with the text given: "is not ...".
        """
        if text.startswith("unix:"):
            return cls("", 0, _socket_path(text[5:]))
        if match := re.match(r"(https?|tcp|uwsgi)://", text):
            raise ValueError(f"is not an address; leave out {quoted(match[0])} {FORMS}")
        if is_service(text) and ":" not in text:
            return cls(_host(text, ""), 0)
        host, colon, port = text.rpartition(":")
        if not colon or text.endswith("]"):
            raise ValueError(f"is not an address{_without_port(text)} {FORMS}")
        return cls(_host(host, port), _port(port))


def is_service(host: str) -> bool:
    """Whether it is a name of SRV records, which name their own ports (RFC 2782): _http._tcp.app.internal."""
    return host.startswith("_")


def _socket_path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("is not an address; after 'unix:' comes a socket's path, as in unix:/run/web.sock")
    if len(path.encode()) > LONGEST_PATH:
        raise ValueError(f"has a path longer than the {LONGEST_PATH} octets that a Unix socket may have")
    return path


def _without_port(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,5}", text):
        return f"; did you mean 127.0.0.1:{text}?"
    if "/" in text:
        return f"; did you mean {quoted('unix:' + text)}?"
    return " without a port" if text else ""


def _host(text: str, port: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return _v6(text[1:-1])
    if text in ("", "*"):
        raise ValueError(f"names no host; 0.0.0.0:{port} is every IPv4 address, [::]:{port} every address")
    if ":" in text:
        raise ValueError(f"is not an address; an IPv6 address stands in brackets {FORMS}")
    if re.fullmatch(r"[0-9.]+", text):
        return _v4(text)
    if not _NAME.fullmatch(text):
        raise ValueError(f"is not an address; {quoted(text)} is not a host's name {FORMS}")
    return text.lower()


def _v4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError(f"is not an address; {quoted(text)} is not an IPv4 address") from None


def _v6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise ValueError(f"is not an address; {quoted(text)} is not an IPv6 address") from None


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,100}", text):
        raise ValueError(f"is not an address; {quoted(text)} is not a port {FORMS}")
    if int(text) > 65535:
        raise ValueError(f"has the port {text[:20]}, which is out of range (1 to 65535)")
    return int(text)
