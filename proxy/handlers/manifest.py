"""Which files of a build carry a hash of their content in their names: what its manifest says.

Django's ManifestStaticFilesStorage, Vite and webpack write different ones, told apart by what is in
them. The rule of this room: a name counts only if the build gave it something that the source's name
has not. Each of these tools can be told to leave hashes out and lists its files all the same; a
file that is wrongly called immutable is wrong in browsers for a year.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LARGEST = 32 * 1024 * 1024  # octets; 100,000 files are some 10 MB
Names = frozenset[bytes]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_VITE_HASH = re.compile(r"[.-][A-Za-z0-9_-]{8,}\Z")       # Rollup's and Rolldown's [hash]: 8 of base64url
_WEBPACK_HASH = re.compile(r"[.-][0-9A-Fa-f]{8,}(?:\.|\Z)")  # [contenthash]: 20 hexadecimal digits, or fewer


def load(path: Path, root: Path) -> Names:
    """The immutable names of a manifest, as they are below a root.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no manifest, or one of something else; the message says why.
    """
    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"has more than {LARGEST} octets")
    names = parse(data)
    found = seen_from(names, path, root)
    if names and not found:
        raise ValueError(f"has no names below {root}")
    return found


def seen_from(names: Names, path: Path, root: Path) -> Names:
    """The names below the root, which may be the folder that the build made, lie in it or have it in it.

    A manifest that lies elsewhere is taken for one of the root itself.
    """
    # Vite has put its own into `.vite/` since version 5.
    base = path.parent.parent if path.parent.name == ".vite" else path.parent
    for folder, built in ((root.absolute(), base.absolute()), (root.resolve(), base.resolve())):
        if built.is_relative_to(folder):
            before = os.fsencode(built.relative_to(folder) / "x")[:-1]
            return frozenset(before + name for name in names)
        if folder.is_relative_to(built):
            before = os.fsencode(folder.relative_to(built) / "x")[:-1]
            return frozenset(name[len(before):] for name in names if name.startswith(before))
    return names


def parse(data: bytes) -> Names:
    """The same from its octets, relative to the folder that the build made."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from None
    given = _hashed(document if isinstance(document, dict) else {"": None})
    return frozenset(name for name in map(below, given) if name is not None)


def below(name: object) -> bytes | None:
    """A name below the root as a request has it; None for URLs, what is hidden and what leads elsewhere."""
    if not isinstance(name, str) or name.startswith(".") or _SCHEME.match(name):
        return None
    if "\\" in name or "\0" in name:
        return None
    if {"", ".", ".."} & set(name.split("/")):
        return None
    try:
        return name.encode()
    except UnicodeEncodeError:
        return None


def _hashed(document: dict[str, Any]) -> Iterator[object]:
    paths, values = document.get("paths"), document.values()
    if isinstance(paths, dict) and "version" in document:
        return _django(paths, document["version"])
    if any(isinstance(entry, dict) and "file" in entry for entry in values):
        return _vite(document)
    if all(isinstance(entry, str) for entry in values):
        return _webpack(document)
    raise ValueError("is no manifest of Django (paths, version), Vite (file) or webpack (names alone)")


def _django(paths: dict[str, object], version: object) -> Iterator[object]:
    if version not in ("1.0", "1.1"):  # the same that Django knows
        raise ValueError(f"is a manifest of Django in its version {version!r:.20}, and 1.0 and 1.1 are known")
    return (name for source, name in paths.items() if name != source)


def _vite(document: dict[str, Any]) -> Iterator[object]:
    """Files of the entries, and the styles and assets that they name.

    https://vite.dev/guide, in its part for servers: keys and `src` are sources' paths, or `_` and the
    file's name for what several entries share; `name` is what hashes are put behind.
    """
    entries = [entry for entry in document.values() if isinstance(entry, dict)]
    sources = {_stem(entry.get("src")) for entry in entries} | {_last(entry.get("name")) for entry in entries}
    for entry in entries:
        for name in (entry.get("file"), *_listed(entry, "css"), *_listed(entry, "assets")):
            stem = _stem(name)
            if stem not in sources and _VITE_HASH.search(stem):
                yield name


def _listed(entry: dict[str, Any], key: str) -> list[object]:
    names = entry.get(key)
    return names if isinstance(names, list) else []


def _webpack(document: dict[str, str]) -> Iterator[object]:
    for source, name in document.items():
        last = _last(name)
        if last != _last(source) and _WEBPACK_HASH.search(last):
            yield name


def _last(name: object) -> str:
    return os.path.basename(name) if isinstance(name, str) else ""


def _stem(name: object) -> str:
    """A file's name without its folder and its last extension."""
    return os.path.splitext(_last(name))[0]
