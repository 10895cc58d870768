"""The file is read by a child of its own: so the supervisor goes on, whatever that takes or leads to.

The rule of this room: what it finds is what the same file would say at a start, in the same words.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from proxy.config.differences import differences, outline
from proxy.config.errors import ConfigErrors
from proxy.config.load import load, warnings_of
from proxy.config.schema import Config
from proxy.probing.nameservers import nameservers_of
from proxy.runtime.parcel import new_parcel, pack

READ, MISTAKEN = 0, 2  # exit statuses


@dataclass(slots=True)
class Report:
    """What came of reading.

    Args:
        problems: why it cannot be used; a line each.
        warnings: what is allowed, but hardly meant.
        changes: what differs from what runs.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


class Findings:
    """Memory that the child writes and the supervisor reads."""

    def __init__(self) -> None:
        self.parcel = new_parcel()
        self._report = new_parcel()

    def write(self, report: Report) -> None:
        os.write(self._report, json.dumps(asdict(report)).encode())

    def report(self) -> Report:
        size = os.fstat(self._report).st_size
        return Report(**json.loads(os.pread(self._report, size, 0)))

    def close(self) -> None:
        os.close(self.parcel)
        os.close(self._report)


def read(file: str, running: Config, findings: Findings, packed: Callable[[], None]) -> int:
    """The whole life of the child; returns its exit status.

    Args:
        packed: called when the parcel is ready: others may begin before it is known what has changed.
    """
    gc.disable()  # it lives for a moment, and what it makes lives as long
    report = Report()
    try:
        nameservers_of(os.environ)
        config = load(file)
    except (ConfigErrors, ValueError) as error:
        report.problems = str(error).splitlines()
    else:
        pack(config, findings.parcel)
        packed()
        report.warnings = list(warnings_of(config))
        report.changes = [str(difference) for difference in differences(outline(running), outline(config))]
    findings.write(report)
    return MISTAKEN if report.problems else READ
