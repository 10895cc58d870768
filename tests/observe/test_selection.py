import itertools
import json

import pytest

from proxy.observe import selection
from proxy.observe.logs import Seldom
from proxy.observe.redact import Redaction
from proxy.observe.selection import Selection
from tests.observe.made import entry, lines_of


@pytest.fixture
def chosen(opened, monkeypatch):
    """A function: a selection before a JSON log, and what is logged of exchanges that end after so long."""
    monkeypatch.setattr(selection, "slow_log", Seldom(selection.slow_log._log, pause=1.0))

    def make(*, skip=(), slow=None, share=1.0):
        log = opened("json")
        return log, Selection(log, skip=skip, slow=slow, share=share, redaction=Redaction())

    return make


def records_of(log):
    return [json.loads(line) for line in lines_of(log)]


def test_what_meets_a_condition_is_left_out(chosen):
    log, chosen_few = chosen(skip=[lambda ended: ended.status == 204, lambda ended: ended.sent == 0])
    for changes in ({}, {"status": 204}, {"sent": 0}, {"status": 500}):
        chosen_few.ended(entry(**changes))
    assert [record["status"] for record in records_of(log)] == [200, 500]


def test_a_sample_and_all_that_went_wrong(chosen, monkeypatch):
    dice = itertools.cycle([0.05, 0.5])
    monkeypatch.setattr(selection, "random", lambda: next(dice))
    log, chosen_few = chosen(share=0.1)
    for status in (200, 200, 301, 304, 404, 503, 499):
        chosen_few.ended(entry(status=status, now=100.5))
    found = [(record["status"], record.get("sample")) for record in records_of(log)]
    assert found == [(200, 0.1), (301, 0.1), (404, None), (503, None), (499, None)]


def test_none_is_a_sample_too(chosen):
    log, chosen_few = chosen(share=0.0, slow=1.0)
    for status, now in ((200, 100.5), (500, 100.5), (200, 102.0)):
        chosen_few.ended(entry(status=status, now=now))
    assert [record["total_ms"] for record in records_of(log)] == [500, 2000]


def test_who_is_slow_is_there_with_timings(chosen, caplog):
    log, chosen_few = chosen(slow=1.0, share=0.0)
    chosen_few.ended(entry(
        b"/a?token=x", route="r", pool="web", endpoint="a:1", timings=[100.1, 101.2], now=101.5))
    (record,) = records_of(log)
    assert record["slow"] is True
    (told,) = caplog.messages
    assert told == ("slow: GET /a?token=*** 200 from web a:1: queued 100 ms, head 1200 ms, total 1500 ms, "
                    "request id request-1")


def test_the_error_log_is_not_flooded(chosen, caplog):
    log, chosen_few = chosen(slow=1.0)
    for _ in range(100):
        chosen_few.ended(entry(now=101.5))
    assert len(caplog.messages) == 1
    assert len(records_of(log)) == 100


@pytest.mark.parametrize("changes", [{"status": 101}, {"fields": [(b"Accept", b"text/event-stream")]}])
def test_what_is_meant_to_last_is_not_slow(chosen, caplog, changes):
    log, chosen_few = chosen(slow=1.0)
    chosen_few.ended(entry(**changes, now=3700.0))
    assert not caplog.messages
    assert "slow" not in records_of(log)[0]


def test_what_was_no_request_is_always_there(chosen):
    log, chosen_few = chosen(share=0.0, skip=[lambda exchange: True])
    chosen_few.refused("192.0.2.7", 400, b"x\r\n")
    assert records_of(log)[0]["refused"] == "x"
