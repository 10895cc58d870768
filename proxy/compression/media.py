"""Which media types are worth a content coding."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Text in all its disguises, and the few other formats that are not compressed already. Fonts: woff and woff2
# are; images: all but these.
COMPRESSIBLE = (
    "text/*", "*+json", "*+xml", "*+text", "*+yaml",
    "application/json", "application/json5", "application/x-ndjson", "application/json-seq",
    "application/javascript", "application/x-javascript", "application/ecmascript", "application/xml",
    "application/xml-dtd", "application/yaml", "application/x-yaml", "application/toml", "application/sql",
    "application/graphql", "application/rtf", "application/wasm", "application/x-sh",
    "application/vnd.ms-fontobject", "font/ttf", "font/otf", "font/collection",
    "image/bmp", "image/x-icon", "image/vnd.microsoft.icon", "model/obj", "model/stl", "model/gltf-binary")


COMMON = "common"  # stands for all of these in a list of patterns


class Media:
    """Patterns of media types: `text/html`, `text/*`, `*+json`, where `*` stands for anything, or `common`.

    What a Content-Type came to is remembered: an application has a dozen of them.
    """

    COUNT = 256
    LONGEST = 256  # octets of a Content-Type that is remembered

    __slots__ = ("_known", "_match")

    def __init__(self, patterns: Iterable[str]) -> None:
        whole = [one for pattern in patterns for one in (COMPRESSIBLE if pattern == COMMON else (pattern,))]
        parts = [re.escape(pattern.lower().encode()).replace(rb"\*", b".*") for pattern in whole]
        self._match = re.compile(b"|".join(parts)).fullmatch if parts else None
        self._known: dict[bytes, bool] = {}

    def has(self, content_type: bytes) -> bool:
        """Whether this Content-Type, parameters and all, is one of them."""
        known = self._known.get(content_type)
        if known is None:
            bare = content_type.partition(b";")[0].strip(b" \t").lower()
            known = self._match is not None and self._match(bare) is not None
            if len(content_type) <= self.LONGEST:
                if len(self._known) >= self.COUNT:
                    self._known.clear()
                self._known[content_type] = known
        return known
