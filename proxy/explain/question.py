"""A request as a user writes it down, and the octets that a client would send."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.wire.h1 import chunk, last_chunk

ANYBODY = "127.0.0.1"
LARGEST_MADE = 64 << 20  # octets of a body that is announced and not given


@dataclass(frozen=True, slots=True)
class Question:
    """One request.

    Args:
        method: as sent.
        url: `http://host/path`, or a path alone.
        fields: names and values, in order; a Host among them takes the place of the URL's.
        client: the address that it comes from.
        body: its octets; None for none.
        raw: the whole request as octets, in place of all but `client`.
    """

    method: str = "GET"
    url: str = "/"
    fields: tuple[tuple[str, str], ...] = ()
    client: str = ANYBODY
    body: bytes | None = None
    raw: bytes | None = None

    def scheme(self) -> str:
        """http or https; empty where the URL does not say."""
        scheme, found, _ = self.url.partition("://")
        return scheme.lower() if found and scheme.lower() in ("http", "https") else ""

    def target(self) -> tuple[str, str]:
        """Host, empty where the URL has none, and request target; nothing is encoded, decoded or mended."""
        if not self.scheme():
            return "", self.url
        rest = self.url.partition("://")[2]
        ends = [at for at in map(rest.find, "/?#") if at >= 0]
        at = min(ends, default=len(rest))
        target = rest[at:]
        return rest[:at], target if target.startswith("/") else "/" + target

    def octets(self, authority: str) -> bytes:
        """What a client sends.

        Args:
            authority: where it reached the proxy, for a URL without a host.
        """
        if self.raw is not None:
            return self.raw
        host, target = self.target()
        names = {name.lower() for name, _ in self.fields}
        fields = list(self.fields)
        if "host" not in names:
            fields.insert(0, ("Host", host or authority))
        if self.body is not None and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(self.body))))
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        return head + self._framed({name.lower(): value for name, value in fields})

    def _framed(self, fields: dict[str, str]) -> bytes:
        """The body as the fields announce it; of one that was not given, as many octets as they say."""
        body = self.body
        if fields.get("transfer-encoding", "").lower() == "chunked":
            return (chunk(body) if body else b"") + last_chunk(b"")
        length = fields.get("content-length", "")
        if body is None and length.isdecimal() and int(length) <= LARGEST_MADE:
            body = b"x" * int(length)
        return body or b""
