from __future__ import annotations

import json

import pytest

from proxy.simulation.replay import Log, moment, read_log, second, spread

COMBINED = '{} - - [22/Nov/2026:08:01:{:02} +0000] "GET {} HTTP/1.1" 200 5213 "-" "Mozilla/5.0 \\"x"\n'


def combined(*entries):
    return "".join(COMBINED.format(*entry) for entry in entries)


def json_line(time, client="10.0.0.1", target="/", pool="web"):
    return json.dumps({"time": time, "client": client, "target": target, "pool": pool}) + "\n"


@pytest.fixture
def read(tmp_path):
    """What a log of that text is read as; the load, and the reader with its counts."""

    def read_text(text, pool=None, length=None):
        file = tmp_path / "access.log"
        file.write_text(text)
        log = Log(pool)
        return read_log(str(file), log, 0.02, "lognormal", 1, length), log

    return read_text


def test_combined_lines(read):
    load, log = read(combined(("10.0.0.1", 1, "/a?b=c"), ("2001:db8::1", 3, "/d")))
    assert load.times == [0.0, 2.0]
    assert [request.client for request in load.requests] == ["10.0.0.1", "2001:db8::1"]
    assert [(request.target.path, request.target.query) for request in load.requests] == [
        (b"/a", b"b=c"), (b"/d", b"")]
    assert (len(load.works), len(load.lucks), load.length) == (2, 2, 2.0)
    assert (log.unread, log.elsewhere) == (0, 0)


def test_combined_lines_of_one_second_are_spread_over_it(read):
    load, _ = read(combined(*[("10.0.0.1", 1, "/")] * 4, ("10.0.0.1", 2, "/")))
    assert load.times == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_json_lines_know_milliseconds_and_stand_in_the_order_of_their_ends(read):
    late, early = json_line("2026-11-22T08:01:16.250Z", "b"), json_line("2026-11-22T08:01:15.750Z", "a")
    load, _ = read(late + early)
    assert load.times == [0.0, 0.5]
    assert [request.client for request in load.requests] == ["a", "b"]


def test_where_both_formats_are_mixed_the_order_is_that_of_time(read):
    text = combined(("a", 1, "/"), ("b", 1, "/")) + json_line("2026-11-22T08:01:01.250Z", "c")
    load, _ = read(text)
    assert load.times == [0.0, 0.25, 0.5]
    assert [request.client for request in load.requests] == ["a", "c", "b"]


def test_of_json_lines_those_of_the_pool_count(read):
    at = "2026-11-22T08:01:16.250Z"
    text = json_line(at, "web") + json_line(at, "static", pool="") + json_line(at, "app", pool="app")
    load, log = read(text, "web")
    assert [request.client for request in load.requests] == ["web"]
    assert log.elsewhere == 2
    assert len(read(text)[0].requests) == 2


def test_lines_that_are_no_requests_are_counted_and_left_out(read):
    refused = '10.0.0.9 - - [22/Nov/2026:08:01:01 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"\n'
    broken = '{"time": 5, "client": "a", "target": "/", "pool": "web"}\n{"time"\n[]\n{}\n\n'
    load, log = read(refused + broken + combined(("10.0.0.1", 1, "/")))
    assert len(load.times) == 1
    assert (log.unread, log.elsewhere) == (5, 1)


def test_the_first_so_many_seconds_alone(read):
    entries = [("10.0.0.1", at, "/") for at in (1, 2, 3, 10)]
    load, _ = read(combined(*entries), length=5.0)
    assert (load.times, load.length, load.rate) == ([0.0, 1.0, 2.0], 5.0, 0.6)


@pytest.mark.parametrize("text, message", [
    ("", "is empty"),
    ("no log\nat all\n",
     "holds 2 lines, none of them in the format combined or json of `access_log`"),
    (json_line("2026-11-22T08:01:16.250Z", pool="app"),
     "holds no request that went to the pool 'web', but 1 others"),
])
def test_a_log_with_nothing_in_it(read, text, message):
    with pytest.raises(ValueError) as wrong:
        read(text, "web")
    assert str(wrong.value) == message


def test_a_line_that_never_ends_is_no_request(read):
    load, log = read("x" * 200_000 + "\n" + combined(("10.0.0.1", 1, "/")))
    assert len(load.times) == 1
    assert log.unread == 4


def test_times_of_both_formats_agree():
    assert second("22/Nov/2026:09:01:16 +0100") == moment("2026-11-22T08:01:16.000Z") == 1795334476.0
    assert second("yesterday") is None


def test_times_that_know_milliseconds_stay():
    assert list(spread([1.25, 1.25, 2.0])) == [1.25, 1.25, 2.0]
