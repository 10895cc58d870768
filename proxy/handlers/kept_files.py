"""A folder with the files of the last builds, so that a page of yesterday still finds its scripts.

A deploy takes the old build's files away while browsers, other machines and caches still have pages
that name them. So each file that a manifest names is put here, as a hard link where that can
be: it takes no room, and its entity tag stays the same.

The rule of this room: at most the current and the two builds before it, by manifest; nothing is
removed that was not put here. Workers and restarts do this at the same time: one holds the lock, and
a file or the list is there whole or not at all.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proxy.handlers.beneath import OpenFile, Root
from proxy.handlers.manifest import Names, below

log = logging.getLogger("proxy.handlers")

PREVIOUS = 2  # builds before the current one
SIDECARS = (b"", b".br", b".zst", b".gz")  # the file, and what a build puts beside it
History = dict[str, list[Names]]  # by manifest: its builds, the newest first


def remember(builds: Iterable[Names], newest: Names) -> list[Names]:
    """A build is the newest now, be it a new one or an old one again."""
    return [newest, *(build for build in builds if build != newest)][: 1 + PREVIOUS]


def all_names(history: History) -> Names:
    return frozenset[bytes]().union(*(build for builds in history.values() for build in builds))


class KeptFiles:
    """The folder.

    Args:
        folder: nothing else is in it, but may be.
        root: where the files of the current builds are.
    """

    __slots__ = ("_folder", "_root")

    def __init__(self, folder: Path, root: Root) -> None:
        self._folder = os.fsencode(folder)
        self._root = root

    def read(self) -> History:
        """The builds whose files are here."""
        try:
            with open(self._at(b".builds.json"), "rb") as file:
                return _history_of(json.load(file))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            log.warning("kept builds: %r: %s; it is written anew", self._at(b".builds.json"), error)
            return {}

    def update(self, history: History) -> tuple[History, bool]:
        """Take in what is new, remove what is old.

        Builds of manifests that `history` does not have stay: they are of another route.

        Returns:
            The builds of those that it has, as they are here now; whether all files of the newest are.

        Raises:
            OSError: the folder cannot be written to.
        """
        with self._locked():
            stored = self.read()
            merged = stored | {key: remember(stored.get(key, builds), builds[0])
                               for key, builds in history.items() if builds}
            for name in all_names(stored) - all_names(merged):
                self._remove(name)
            if merged != stored:
                self._write(merged)
            own = {key: merged.get(key, []) for key in history}
            taken = [self._take(name) for builds in own.values() for name in all_names({"": builds[:1]})]
            return own, all(taken)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._at(b".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, history: History) -> None:
        document = {key: [sorted(map(bytes.decode, build)) for build in builds]
                    for key, builds in history.items()}
        new = self._new()
        with open(new, "w", encoding="utf-8") as file:
            json.dump(document, file)
        os.replace(new, self._at(b".builds.json"))

    def _take(self, name: bytes) -> bool:
        """Whether a file is here, now at the latest."""
        for suffix in SIDECARS:
            path = self._at(name + suffix)
            try:
                file = self._root.open((name + suffix).split(b"/"))
            except OSError:
                if not suffix and not os.path.exists(path):
                    return False
                continue
            with file:
                self._put(file, path)
        return True

    def _put(self, file: OpenFile, path: bytes) -> None:
        try:
            # One that was copied while the build still wrote it has another size.
            if os.stat(path).st_size == file.status.st_size:
                return
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        new = self._new()
        try:
            # The file that is open, whatever its name leads to now. Python follows the link there
            # only where a descriptor is given (linkat), be it one that an absolute path does not need.
            os.link(f"/proc/self/fd/{file.fd}", new, src_dir_fd=file.fd, follow_symlinks=True)
        except OSError:  # another file system, another owner (protected_hardlinks), or no /proc
            _copy(file, new)
        os.replace(new, path)

    def _new(self) -> bytes:
        """A name for what is not whole yet; one will do for who holds the lock. A crash may have left it."""
        new = self._at(b".new")
        _unlink(new)
        return new

    def _remove(self, name: bytes) -> None:
        for suffix in SIDECARS:
            _unlink(self._at(name + suffix))
        folder = os.path.dirname(name)
        while folder:
            try:
                os.rmdir(self._at(folder))
            except OSError:  # there is something in it
                return
            folder = os.path.dirname(folder)

    def _at(self, name: bytes) -> bytes:
        return self._folder + b"/" + name


def _history_of(document: Any) -> History:
    try:
        return {key: [frozenset(filter(None, map(below, build))) for build in builds]
                for key, builds in document.items()}
    except (TypeError, AttributeError):
        raise ValueError("is not a list of builds") from None


def _copy(file: OpenFile, path: bytes) -> None:
    with open(file.fd, "rb", closefd=False) as source, open(path, "wb") as target:
        shutil.copyfileobj(source, target)
    times = file.status.st_atime_ns, file.status.st_mtime_ns
    os.utime(path, ns=times)  # the entity tag comes from it


def _unlink(path: bytes) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
