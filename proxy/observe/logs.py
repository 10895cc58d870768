"""The error log: what the proxy tells its operator, one line per event.

The rule of this room: a record can never look like two. Clients choose some of what is logged, so
control characters are escaped, and the lines of a traceback are indented. And a log that cannot be
written (a full disk, a pipe that nobody reads) never stops what it tells of.

Lines go out by one `write` each to a descriptor opened for appending, so that the lines of several
processes do not mix.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import re
from time import monotonic

from proxy.config.log_schema import ErrorLog

STDERR = 2
PAUSE = 60.0  # seconds between two warnings of the same
_crashes_are_told = False
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def setup(error_log: ErrorLog) -> None:
    """Send all records from here on to the log that the configuration names.

    Raises:
        OSError: the file cannot be opened.
    """
    handler = ErrorLogHandler(error_log.path)
    root = logging.getLogger()
    for old in own_handlers():
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    if _crashes_are_told:
        handler.tell_crashes()
    level = logging.getLevelNamesMapping()[error_log.level.upper()]
    logging.getLogger("proxy").setLevel(level)
    # Libraries speak only when something is wrong: asyncio's debug lines are not for operators.
    root.setLevel(max(level, logging.WARNING))


def reopen() -> None:
    """Write to the file that the path names now: the old one was moved away by log rotation."""
    for handler in own_handlers():
        handler.reopen()


def tell_crashes() -> None:
    """Where Python stands when a signal such as SIGSEGV or SIGABRT ends this process goes to the log, too."""
    global _crashes_are_told
    _crashes_are_told = True
    for handler in own_handlers():
        handler.tell_crashes()


def own_handlers() -> list[ErrorLogHandler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, ErrorLogHandler)]


def escape(text: str) -> str:
    """Control characters as `\\x0a` and the like."""
    return CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


class Seldom:
    """Warns of something that lasts: the first time, then once a minute, with how often it came since.

    A full disk would else fill the log with a line for each request, on that same disk.

    Args:
        pause: seconds, where a minute is not right.
    """

    def __init__(self, log: logging.Logger, pause: float = PAUSE) -> None:
        self._log = log
        self._pause = pause
        self._silent_until = 0.0
        self._left_out = 0

    def warn(self, message: str, *args: object) -> None:
        now = monotonic()
        if now < self._silent_until:
            self._left_out += 1
            return
        if self._left_out:
            message += f" ({self._left_out} times more since the last such line)"
        self._left_out = 0
        self._silent_until = now + self._pause
        self._log.warning(message, *args)


class LineFormatter(logging.Formatter):
    """`2026-11-22 08:01:16 warning proxy.worker[1234]: message`."""

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        head = f"{self.formatTime(record, self.datefmt)} {level} {record.name}[{record.process}]"
        lines = [f"{head}: {escape(record.getMessage())}"]
        if record.exc_info:
            lines += [f"    {escape(line)}" for line in self.formatException(record.exc_info).splitlines()]
        return "\n".join(lines)


class ErrorLogHandler(logging.Handler):
    """Writes to a file, or to stderr for the path `-`."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())
        self._path = path
        self._descriptor = self._open()

    def _open(self) -> int:
        if self._path == "-":
            return STDERR
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            os.write(self._descriptor, self.format(record).encode(errors="backslashreplace") + b"\n")
        except OSError:
            pass  # nobody is left to tell

    def reopen(self) -> None:
        try:
            descriptor = self._open()
        except OSError as error:
            logging.getLogger(__name__).error("the error log stays the old file: %s", error)
            return
        if descriptor != self._descriptor:
            os.dup2(descriptor, self._descriptor, inheritable=False)  # faulthandler knows the number
            os.close(descriptor)

    def tell_crashes(self) -> None:
        faulthandler.enable(self._descriptor)

    def close(self) -> None:
        self.close_file()
        super().close()

    def close_file(self) -> None:
        if self._descriptor != STDERR:
            os.close(self._descriptor)
        self._descriptor = STDERR
