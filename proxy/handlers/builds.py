"""The builds of a site: which names below the root are immutable, and where files of older builds are.

The rule of this room: a manifest that is not there, or cannot be understood, changes nothing but the
log; names of the two builds before the current one stay immutable, for their files may still be there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from proxy.handlers.beneath import Root
from proxy.handlers.kept_files import History, KeptFiles, all_names, remember
from proxy.handlers.manifest import Names, load
from proxy.http.disk import POOL

log = logging.getLogger("proxy.handlers")

PATIENCE = 60.0  # seconds in which a build may still write files that its manifest names already

State = tuple[int, int, int, int, int] | None


class Builds:
    """What the manifests say now, and said before.

    Args:
        manifests: their paths, which may lead through links that a deploy changes.
        root: the folder whose files are served.
        keep: folder for the files of current and previous builds; None: they are not kept.
        follow: whether symbolic links may lead out of the root.
        interval: seconds between two looks at the manifests.
        submit: has a thread call something.

    Attributes:
        loaded: there is nothing to wait for any more.
        generation: another number each time that other names are immutable.
        kept_root: where a file is to be looked for whose name is `in` the builds and that is not below
            the root.
    """

    __slots__ = (
        "_busy", "_complete", "_due", "_history", "_interval", "_kept", "_manifests", "_names",
        "_patient_until", "_root", "_states", "_submit", "generation", "kept_root", "loaded")

    def __init__(self, manifests: Sequence[Path], root: Path, keep: Path | None = None, *,
                 follow: bool = False, interval: float = 1.0,
                 submit: Callable[[Callable[[], None]], object] = POOL.submit) -> None:
        self._manifests = manifests
        self._root = root
        self._kept = None if keep is None else KeptFiles(keep, Root(os.fsencode(root), follow=follow))
        self.kept_root = None if keep is None else Root(os.fsencode(keep), follow=False)
        self._interval = interval
        self._submit = submit
        self._history: History = {}
        self._names: Names = frozenset()
        self._states: list[State] | None = None
        self._due = 0.0
        self._patient_until: float | None = None  # as soon as it is known when the first build was seen
        self._busy = False
        self._complete = True
        self.loaded = not manifests
        self.generation = 0

    def is_immutable(self, name: bytes) -> bool:
        """Whether what is under a name below the root never changes."""
        return name in self._names

    __contains__ = is_immutable

    def load(self) -> None:
        """The first look, before the first answer: so that this is right. Asks the disk, for a thread.

        A manifest of 100,000 files takes 200 ms.
        """
        self._recall()
        self._states = self._found()
        self._read()
        self.loaded = True

    def refresh(self, now: float) -> None:
        """Have a thread notice other manifests, once an interval, and keep files. For the loop alone."""
        if now < self._due or self._busy or not self._manifests:
            return
        self._due = now + self._interval
        self._busy = True
        self._submit(partial(self._catch_up, now))

    def _catch_up(self, now: float) -> None:
        try:
            self._notice(now)
        except Exception:  # a defect of ours; who waits for a thread's result is nobody
            log.exception("builds: what a thread was to do failed")
        finally:
            self._busy = False

    def _notice(self, now: float) -> None:
        states = self._found()
        changed = states != self._states
        if changed:
            self._states = states
            self._read()
        if changed or self._patient_until is None:
            self._patient_until = now + PATIENCE
        elif self._complete or now >= self._patient_until:
            return
        if self._kept is not None:
            self._keep(self._kept)

    def _found(self) -> list[State]:
        return [_state_of(path) for path in self._manifests]

    def _recall(self) -> None:
        """What was kept before this process was started."""
        try:
            stored = {} if self._kept is None else self._kept.read()
        except OSError as error:
            log.warning("kept builds: %s", error)
            return
        self._history = {str(path): stored.get(str(path), []) for path in self._manifests}

    def _read(self) -> None:
        for path in self._manifests:
            try:
                names = load(path, self._root)
            except (OSError, ValueError) as error:
                log.warning("manifest %s: %s", path, getattr(error, "strerror", None) or error)
                continue
            self._history[str(path)] = remember(self._history.get(str(path), []), names)
        self._note()

    def _keep(self, kept: KeptFiles) -> None:
        try:
            self._history, self._complete = kept.update(self._history)
        except OSError as error:
            log.warning("builds cannot be kept: %s", error)
            return
        self._note()

    def _note(self) -> None:
        names = all_names(self._history)
        if names != self._names:
            self._names = names
            self.generation += 1


def _state_of(path: Path) -> State:
    """What tells one state of a file from another; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
