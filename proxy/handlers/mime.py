"""Content types by file name.

The same answer on every machine: a table of what the web uses, then Python's own, and never the
system's `mime.types`. What nobody knows is `application/octet-stream`, which with `nosniff`
is downloaded and not run.
"""

from __future__ import annotations

import mimetypes
import os

UNKNOWN = "application/octet-stream"
# Where Python's table differs between its releases, or does not know at all.
WEB = {
    ".avif": "image/avif", ".bmp": "image/bmp", ".gif": "image/gif", ".ico": "image/x-icon",
    ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".jxl": "image/jxl", ".png": "image/png",
    ".svg": "image/svg+xml", ".webp": "image/webp",
    ".aac": "audio/aac", ".flac": "audio/flac", ".m4a": "audio/mp4", ".mp3": "audio/mpeg",
    ".oga": "audio/ogg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".m3u8": "application/vnd.apple.mpegurl", ".atom": "application/atom+xml",
    ".json": "application/json", ".jsonld": "application/ld+json", ".map": "application/json",
    ".rss": "application/rss+xml", ".toml": "application/toml", ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json", ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml", ".yaml": "application/yaml", ".yml": "application/yaml",
    ".7z": "application/x-7z-compressed", ".br": UNKNOWN, ".bz2": "application/x-bzip2",
    ".gz": "application/gzip", ".pdf": "application/pdf", ".tgz": "application/gzip",
    ".xz": "application/x-xz", ".zip": "application/zip", ".zst": "application/zstd",
    ".mkv": "video/x-matroska", ".mp4": "video/mp4", ".ogv": "video/ogg", ".ts": "video/mp2t",
    ".webm": "video/webm",
    ".otf": "font/otf", ".ttf": "font/ttf", ".woff": "font/woff", ".woff2": "font/woff2",
    ".css": "text/css", ".csv": "text/csv", ".htm": "text/html", ".html": "text/html",
    ".ics": "text/calendar", ".js": "text/javascript", ".log": "text/plain", ".md": "text/markdown",
    ".mjs": "text/javascript", ".txt": "text/plain", ".vtt": "text/vtt",
}
_PYTHON = mimetypes.MimeTypes(()).types_map[True]


def extension_of(name: bytes) -> str:
    return os.path.splitext(name)[1].lower().decode("latin-1")


def is_known(name: bytes) -> bool:
    """Whether it has the name of a file of a type that is known."""
    extension = extension_of(name)
    return extension in WEB or extension in _PYTHON


def content_type(name: bytes) -> bytes:
    """The Content-Type of a file; text is said to be UTF-8, as everything written today is."""
    extension = extension_of(name)
    kind = WEB.get(extension) or _PYTHON.get(extension, UNKNOWN)
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return kind.encode()
