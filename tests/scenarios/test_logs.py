"""What an operator reads: one line per exchange that nobody can forge, and files that can be rotated."""

import itertools
import json
import re
import signal
import threading

import pytest

from tests.scenarios.support import HOST, OK, ask, connect, wait_until

FORGED = '\r\n127.0.0.1 - - "GET /forged'


@pytest.fixture(scope="module")
def origin(shared):
    return shared.origin(OK)


@pytest.fixture(scope="module")
def logged(shared, origin):
    """A function from a form and raw requests to the lines that these leave."""
    proxies = {form: shared.before(origin, top=f"access_log: {{path: '-', format: {form}}}")
               for form in ("combined", "json")}

    def lines_of(form, *requests):
        proxy = proxies[form]
        before = len(proxy.access_log())
        for request in requests:
            with connect(proxy) as client:
                client.send(request)
                client.response("HEAD")
        return wait_until(lambda: complete(proxy.access_log()[before:], len(requests)), "the lines")

    return lines_of


def complete(text, number):
    lines = text.splitlines(keepends=True)
    return lines if len(lines) >= number and text.endswith("\n") else None


def raw(target="/", *fields, method="GET"):
    lines = "".join(f"{field}\r\n" for field in ("Host: a.example", *fields))
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def test_a_combined_line(logged):
    lines = logged("combined", raw("/a?b=c", "Referer: http://r.example/", "User-Agent: curl/8"), raw())
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /a\?b=c HTTP/1\.1" 200 2 '
        r'"http://r\.example/" "curl/8"\n',
        lines[0],
    )
    assert lines[1].endswith('"GET / HTTP/1.1" 200 2 "-" "-"\n')


def test_a_json_line(logged, origin):
    record = json.loads(logged("json", raw("/a?b=c", "User-Agent: curl/8", "X-Request-ID: id-1"))[0])
    assert record["head_ms"] <= record["total_ms"] < 5000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["time"])
    expected = {
        "client": HOST,
        "method": "GET",
        "host": "a.example",
        "target": "/a?b=c",
        "version": "1.1",
        "status": 200,
        "bytes": 2,
        "request_id": "id-1",
        "route": "route 1",
        "pool": "web",
        "endpoint": origin.address,
        "attempts": 1,
        "user_agent": "curl/8",
    }
    assert expected.items() <= record.items()


HOSTILE = {
    "quote in a target": raw('/"x'),
    "escape in a user agent": raw("/", "User-Agent: \x1b[2J\x07"),
    "line end in a user agent": raw("/", f"User-Agent: {FORGED}"),
    "quotes in a referer": raw("/", 'Referer: " 200 0 "forged'),
    "octets above ASCII": raw("/", "User-Agent: \xff\xe2\x80\xae\x85"),
    "not HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "line end in the request line": b"GET /\rforged HTTP/1.1\r\n\r\n",
    "NUL": b"GET /\0 HTTP/1.1\r\n\r\n",
    "endless": raw("/" + "x" * 9000, "User-Agent: " + "y" * 9000),
}


@pytest.mark.parametrize("form", ["combined", "json"])
def test_nobody_can_break_or_forge_a_line(logged, form):
    lines = logged(form, *HOSTILE.values())
    assert len(lines) == len(HOSTILE)
    for line in lines:
        assert line.isascii()
        assert line.removesuffix("\n").isprintable()
        assert len(line) < 7000
        if form == "json":
            assert json.loads(line)["client"] == HOST
        else:
            head, _request, status, *rest = line.split('"')
            assert head.startswith(f"{HOST} - - [")
            assert re.fullmatch(r" \d{3} \d+ ", status)
            assert len(rest) == 4  # referer, a space, user agent, the end: every quote is ours


def test_statuses_that_never_reached_an_endpoint_are_there_too(logged):
    lines = logged(
        "combined", b"GET\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", raw("/", "Content-Length: 999999999"),
        raw("/", method="TRACE"), raw("/", "Expect: cake"),
    )
    statuses = [int(re.search(r'" (\d{3}) ', line)[1]) for line in lines]
    assert statuses == [400, 505, 413, 501, 417]


def test_who_left_before_the_answer_is_there_as_499(stage):
    origin = stage.origin()
    proxy = stage.before(origin)
    client = connect(proxy)
    client.get("/left")
    with origin.accept() as endpoint:
        endpoint.request()
        client.close()
        assert endpoint.at_end()
    wait_until(lambda: '"GET /left HTTP/1.1" 499 0 ' in proxy.access_log(), "the line")


def test_no_log_is_no_log(stage, origin):
    proxy = stage.before(origin, top="access_log: false")
    ask(proxy)
    assert proxy.stop() == 0
    assert proxy.access_log() == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_rotation_loses_no_line(stage, origin, tmp_path, workers):
    """Renamed and reopened five times while requests run; every request is in one of the files, once."""
    log = tmp_path / "access.log"
    errors = tmp_path / "error.log"
    proxy = stage.before(
        origin, top=f"access_log: {{path: {log}}}\nerror_log: {{path: {errors}}}\nworkers: {workers}"
    )
    clients = 3
    done = threading.Event()
    asked = [[] for _ in range(clients)]

    def ask_on(number):
        count = 0
        while not done.is_set():
            with connect(proxy) as client:
                for _ in range(20):
                    client.get(f"/{number}-{count}")
                    client.response()
                    asked[number].append(f"/{number}-{count}")
                    count += 1

    threads = [threading.Thread(target=ask_on, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(5):
            wait_until(lambda: log.exists() and log.stat().st_size > 1000, "lines")
            log.rename(tmp_path / f"access.{turn}")
            errors.rename(tmp_path / f"error.{turn}")
            proxy.signal(signal.SIGUSR1)
            wait_until(lambda: log.exists() and errors.exists(), "new files")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert proxy.stop() == 0
    written = [line for file in tmp_path.glob("access.*") for line in file.read_text().splitlines()]
    assert sorted(line.split()[6] for line in written) == sorted(itertools.chain(*asked))


def test_a_log_that_nobody_can_write_to_is_said_at_the_start(stage, tmp_path):
    log = tmp_path / "none" / "access.log"
    with pytest.raises(AssertionError, match=r"ended with [12]"):
        stage.proxy(f"access_log: {{path: {log}}}\nroutes: [{{respond: {{status: 200}}}}]")


@pytest.mark.parametrize("level, is_there", [("info", False), ("debug", True)])
def test_the_error_log_has_a_level(stage, origin, level, is_there):
    proxy = stage.before(origin, top=f"error_log: {{level: {level}}}")
    with connect(proxy) as client:
        client.send(b"nonsense\r\n\r\n")
        assert client.response().status == 400
    assert proxy.stop() == 0
    assert bool(proxy.said("refused 127.0.0.1")) == is_there
