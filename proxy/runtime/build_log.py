"""From the configuration's `access_log` to what writes it."""

from __future__ import annotations

from proxy.config.log_schema import AccessLog as AccessLogConfig
from proxy.config.log_schema import Unlogged
from proxy.observe.access_log import AccessLog
from proxy.observe.log_lines import Combined, Json
from proxy.observe.past import Past
from proxy.observe.redact import Redaction
from proxy.observe.selection import Condition, Selection
from proxy.observe.turner import turner_of
from proxy.routing.matchers import CHANGING, STABLE, Asked, compile_matchers
from proxy.routing.table import holds


def open_log(config: AccessLogConfig) -> AccessLog:
    """What writes the lines.

    Raises:
        OSError: the file cannot be opened.
    """
    redaction = redaction_of(config)
    lines = Json(redaction, config.headers) if config.format == "json" else Combined(redaction)
    return AccessLog(config.path, lines, turner_of(config.path, config.rotate))


def select(config: AccessLogConfig, log: AccessLog) -> AccessLog | Selection:
    """What exchanges are told to: the log itself where every one of them has its line."""
    if config.slow is None and config.sample == 1 and not config.skip:
        return log
    return Selection(log, skip=[condition(unlogged) for unlogged in config.skip], slow=config.slow,
                     share=config.sample, redaction=redaction_of(config))


def redaction_of(config: AccessLogConfig) -> Redaction:
    return Redaction(config.redact.query, config.redact.headers)


def condition(unlogged: Unlogged) -> Condition:
    """Whether an exchange that ended meets all that is said."""
    matchers = compile_matchers(unlogged, STABLE) + compile_matchers(unlogged, CHANGING)
    statuses = None if unlogged.status is None else frozenset(
        status for first, last in unlogged.status for status in range(first, last + 1))

    def is_met(past: Past) -> bool:
        if statuses is not None and past.status not in statuses:
            return False
        return not matchers or holds(matchers, Asked(past, past.target.path))

    return is_met
