"""What more than one key of `access_log` or `error_log` together can tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from proxy.config.file_rules import LONGEST_PATH, absolute
from proxy.config.plain import Finding, Values, items_of, mapping_of, text_in
from proxy.config.wording import quoted


def check_log(log: Values, folder: Path) -> Iterator[Finding]:
    """Everything that is wrong between the keys: where it is below `access_log`, and what."""
    if log.get("headers") and text_in(log.get("format")) != "json":
        yield ("headers",), "means nothing in the format combined; it is for json"
    for index, skipped in enumerate(items_of(log, "skip")):
        if skipped == {}:
            place = ("skip", index) if isinstance(log["skip"], list) else ("skip",)
            yield place, "would leave out everything; give it a condition (access_log: false is no log)"
    yield from check_rotation(log, folder)


def check_rotation(log: Values, folder: Path) -> Iterator[Finding]:
    """Whether the file of either log can be put aside, where it shall be."""
    rotate = mapping_of(log.get("rotate"))
    is_on = log.get("rotate") not in (None, False)
    if is_on and text_in(log.get("path")) not in (None, "-", ""):
        yield from _unwritable(absolute(str(log["path"]), folder).parent)
    if "size" in rotate and rotate["size"] is None and rotate.get("age") is None:
        yield ("rotate",), "is never due without size and age; leave the key out"


def _unwritable(folder: Path) -> Iterator[Finding]:
    """Files are put aside by a new name in their folder."""
    if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK):
        name = quoted(str(folder), LONGEST_PATH)
        yield ("rotate",), f"needs a folder that may be written to; {name} may not"
