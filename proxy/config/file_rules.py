"""Values that name something of this machine: addresses, folders, log files.

Relative paths are relative to the configuration's folder, whatever folder the proxy is started in.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from proxy.config.address import ADDRESS_PATTERN, FORMS, Address, is_service
from proxy.config.rules import Json, Rule, text_of
from proxy.config.wording import quoted, shown

LONGEST_PATH = 250  # characters of a path that a message shows: its end is what matters


def absolute(path: str, folder: Path) -> Path:
    """A path of the file made absolute. `..` stays: before it may stand a link."""
    return folder.absolute() / path


@dataclass(frozen=True)
class AddressRule(Rule):
    """host:port, [v6]:port or unix:/path; a listener may leave the choice of its port open."""

    listening: bool = False

    decoded: ClassVar = (Address,)

    def decode(self, value: object, folder: Path) -> Address:
        text = text_of(value, "an address (host:port, [::1]:port or unix:/path)")
        if text.startswith("https://") and not self.listening:
            raise ValueError(f"{shown(value)} is not an address; requests go there without TLS {FORMS}")
        if text.startswith("unix:") and len(text) > 5:
            text = f"unix:{absolute(text[5:], folder)}"
        try:
            address = Address.parse(text)
        except ValueError as error:
            raise ValueError(f"{shown(value)} {error}") from None
        if self.listening and is_service(text) and ":" not in text:
            raise ValueError(f"{shown(value)} is not an address without a port {FORMS}")
        if not (self.listening or address.port or address.path or is_service(address.host)):
            raise ValueError(f"{shown(value)} has the port 0, which is out of range (1 to 65535)")
        return address

    def json(self) -> Json:
        return {"type": "string", "pattern": f"^({ADDRESS_PATTERN})$"}


@dataclass(frozen=True)
class Folder(Rule):
    """A folder that is there and may be read, or also written to."""

    optional: bool = False
    writable: bool = False

    decoded: ClassVar = (type(Path()),)

    def decode(self, value: object, folder: Path) -> Path | None:
        if value is None and self.optional:
            return None
        text = text_of(value, "a folder")
        path = absolute(text, folder)
        if not text or not os.path.isdir(path):
            raise ValueError(f"{shown(value)} is not a folder{_what_is(path, text)}")
        need, done = (os.W_OK, "written to") if self.writable else (os.R_OK, "read")
        if not os.access(path, need | os.X_OK):
            raise ValueError(f"{shown(value)} may not be {done} by this user")
        return path

    def json(self) -> Json:
        return {"type": ["string", "null"]} if self.optional else {"type": "string"}


def _what_is(path: Path, text: str) -> str:
    if text.startswith("~"):
        return "; '~' has no meaning here, write the path out"
    if not text:
        return ""
    return f"; {quoted(str(path), LONGEST_PATH)} {'is a file' if os.path.exists(path) else 'does not exist'}"


@dataclass(frozen=True)
class LogPath(Rule):
    """A file in a folder that is there; `-` is standard output or standard error."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a file")
        if text == "-":
            return text
        path = absolute(text, folder)
        if not text or os.path.isdir(path):
            raise ValueError(f"{shown(value)} is not a file; '-' is the terminal")
        if not os.path.isdir(path.parent):
            missing = quoted(str(path.parent), LONGEST_PATH)
            raise ValueError(f"{shown(value)} cannot be written; there is no folder {missing}")
        return str(path)

    def json(self) -> Json:
        return {"type": "string"}


@dataclass(frozen=True)
class ReadableFile(Rule):
    """A file that is there and may be read."""

    decoded: ClassVar = (type(Path()),)

    def decode(self, value: object, folder: Path) -> Path:
        text = text_of(value, "a file")
        path = absolute(text, folder)
        if not text or not os.path.isfile(path):
            what = "; it is a folder" if text and os.path.isdir(path) else _what_is(path, text)
            raise ValueError(f"{shown(value)} is not a file{what}")
        if not os.access(path, os.R_OK):
            raise ValueError(f"{shown(value)} may not be read by this user")
        return path

    def json(self) -> Json:
        return {"type": "string"}
