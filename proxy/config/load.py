"""The front door: read a file, get a `Config` or all that is wrong with it."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Mapping
from pathlib import Path

from proxy.config.decode import decode
from proxy.config.document import position, read_document
from proxy.config.editor import json_schema
from proxy.config.errors import ConfigError, ConfigErrors
from proxy.config.schema import Config, warnings_of
from proxy.config.warn import warn

__all__ = ["ConfigError", "ConfigErrors", "json_schema", "load", "loads", "warnings_of"]

LARGEST = 16 << 20  # octets of a file; more is a mistake in its name


def load(path: str | Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration file.

    Args:
        path: as the user gave it: messages begin with it.
        environ: what `${NAME}` refers to.

    Raises:
        ConfigErrors: everything that is wrong, sorted by position.
    """
    name = str(path)
    return loads(_decoded(_read(name), name), name, Path(path).parent, environ)


def loads(
    text: str,
    name: str = "config.yaml",
    folder: Path = Path(),
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Read a configuration from text.

    Args:
        text: YAML.
        name: what messages begin with.
        folder: what relative paths are relative to.
        environ: what `${NAME}` refers to.

    Raises:
        ConfigErrors: everything that is wrong, sorted by position.
    """
    document = read_document(text, name, environ)
    config = decode(document, folder)
    warnings = sorted(document.error(loc, message) for loc, message in warn(config))
    config._warnings = tuple(map(str, warnings))
    return config


def _read(name: str) -> bytes:
    """The file's octets; a directory, or what never ends, is refused."""
    try:
        with open(name, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise _unread(name, _why(error)) from None
    except ValueError:
        raise _unread(name, "is not the name of a file") from None
    if len(data) > LARGEST:
        raise _unread(name, f"holds more than {LARGEST >> 20}MiB, which is no configuration")
    return data


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not a file"
    if isinstance(error, PermissionError):
        return "may not be read by this user"
    return f"cannot be read: {(error.strerror or 'unknown error').lower()}"


def _unread(name: str, message: str) -> ConfigErrors:
    return ConfigErrors([ConfigError(name, 0, 0, "", message)])


def _decoded(data: bytes, name: str) -> str:
    data = data.removeprefix(BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        line, column = position(before, len(before))
        message = f"the octet 0x{data[error.start]:02X} is not UTF-8"
        raise ConfigErrors([ConfigError(name, line, column, "", message)]) from None
