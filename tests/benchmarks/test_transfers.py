import http.server
import threading

import pytest

from benchmarks import transfers
from benchmarks.idle import idle_connections
from benchmarks.transfers import Transfers


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = transfers.BODY if self.path == "/whole" else 5
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(bytes(length))

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read1(left))
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def port():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("load", [Transfers("/whole"), Transfers("/any", upload=True)])
def test_whole_bodies_are_counted(port, load):
    answers = transfers.run(load, port, 0.05)
    assert answers.requests >= transfers.CLIENTS  # what was begun is finished
    assert answers.errors == 0
    assert 0 < answers.p50_ms <= answers.p99_ms


def test_a_short_body_is_an_error(port):
    answers = transfers.run(Transfers("/short"), port, 0.01)
    assert answers.requests == 0
    assert answers.errors >= transfers.CLIENTS


def test_nobody_there_is_an_error():
    assert transfers.run(Transfers("/"), 1, 0.01).errors >= transfers.CLIENTS


def test_idle_connections_have_asked_once(port):
    with idle_connections(port, "/short", count=3):
        asked = [thread for thread in threading.enumerate() if "process_request" in thread.name]
        assert len(asked) == 3
