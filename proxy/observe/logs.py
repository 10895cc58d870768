"""The error log: what the proxy tells its operator, one line per event.

The rule of this room: a record can never look like two. Clients choose some of what is logged, so
control characters are escaped, and the lines of a traceback are indented. And a log that cannot be
written (a full disk, a pipe that nobody reads) never stops what it tells of: see `outlet`.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import re
import select
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.config.log_schema import ErrorLog, Rotate
from proxy.observe import seldom
from proxy.observe.outlet import SLOW, Outlet
from proxy.observe.turner import turner_of

Seldom = seldom.Seldom  # beside `logs.escape`: where all rooms look for it
STDERR = 2
HEARING = 1.0  # seconds that somebody may take to read what is said
_is_child = False
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def setup(error_log: ErrorLog) -> None:
    """Send all records from here on to the log that the configuration names.

    Raises:
        OSError: the file cannot be opened.
    """
    handler = ErrorLogHandler(error_log.path, error_log.rotate)
    root = logging.getLogger()
    for old in own_handlers():
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    if _is_child:
        handler.tell_crashes()
    level = logging.getLevelNamesMapping()[error_log.level.upper()]
    logging.getLogger("proxy").setLevel(level)
    # Libraries speak only when something is wrong: asyncio's debug lines are not for operators.
    root.setLevel(max(level, logging.WARNING))


def change(error_log: ErrorLog) -> None:
    """Write to another log from here on; if it cannot be opened the old one stays."""
    try:
        setup(error_log)
    except OSError as error:
        logging.getLogger(__name__).error("the error log stays the old one: %s", error)


def told(text: str) -> None:
    """The same, as `telling` has put it into words."""
    said = json.loads(text)
    rotate = said["rotate"] and Rotate.model_construct(**said["rotate"])
    change(ErrorLog.model_construct(**{**said, "rotate": rotate}))


def telling(error_log: ErrorLog) -> str:
    return json.dumps(error_log.model_dump())


def say(line: str) -> None:
    """To the person who started us, whatever the error log is; who does not read has a second."""
    out = Outlet("-", STDERR)
    data = line.encode(errors="backslashreplace") + b"\n"
    _, why = out.write(data)
    if why == SLOW:
        ready = select.poll()
        ready.register(STDERR, select.POLLOUT)
        ready.poll(HEARING * 1000)
        out.write(data)
    out.close()


def reopen() -> None:
    """Write to the file that the path names now: the old one was moved away by log rotation."""
    for handler in own_handlers():
        handler.reopen()


def tick() -> None:
    """Once a second, in every process; a full file is put aside by a child, which may have threads."""
    for handler in own_handlers():
        handler.tick(turn=_is_child)


def begin_child() -> None:
    """This process was forked: its log file is opened anew, so that nobody else's lock holds for it.

    Where Python stands when a signal such as SIGSEGV or SIGABRT ends it goes to the log, too.
    """
    global _is_child
    _is_child = True
    for handler in own_handlers():
        handler.reopen()
        handler.tell_crashes()


def own_handlers() -> list[ErrorLogHandler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, ErrorLogHandler)]


def escape(text: str) -> str:
    """Control characters as `\\x0a` and the like."""
    return CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


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
    """Writes to a file, or to stderr for the path `-`.

    Args:
        rotate: when the file is put aside.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str, rotate: Rotate | None = None) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())
        self._out = Outlet(path, STDERR, 0o644, turner_of(path, rotate))
        self._lost = 0  # records since the last one that was written

    def emit(self, record: logging.LogRecord) -> None:
        if self._lost and not self._write(self._confess()):
            self._lost += 1
            return
        self._lost = 0 if self._write(record) else 1

    def _write(self, record: logging.LogRecord) -> bool:
        _, why = self._out.write(self.format(record).encode(errors="backslashreplace") + b"\n")
        return not why

    def _confess(self) -> logging.LogRecord:
        said = "%d records before this line were lost: the log could not be written"
        return logging.LogRecord(__name__, logging.WARNING, __file__, 0, said, (self._lost,), None)

    def tick(self, *, turn: bool) -> None:
        """Once a second: put the file aside where it is time, and go on in the one that the path names."""
        if self._out.should_reopen(turn=turn):
            self.reopen()

    def reopen(self) -> None:
        try:
            with self._alone():
                self._out.reopen()
        except OSError as error:
            logging.getLogger(__name__).error("the error log stays the old file: %s", error)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Threads write, too: none while descriptors change hands."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def tell_crashes(self) -> None:
        faulthandler.enable(self._out.fd)

    def close(self) -> None:
        with self._alone():
            self._out.close()
        super().close()
