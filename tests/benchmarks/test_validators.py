import http.server
import threading

import pytest

from benchmarks.validators import validators


class Origin(http.server.BaseHTTPRequestHandler):
    """`/known` has an entity tag, `/deaf` sends itself again all the same, `/bare` has none."""

    def do_GET(self):
        known = self.path == "/known" and self.headers["If-None-Match"] == '"1"'
        self.send_response(304 if known else 404 if self.path == "/missing" else 200)
        if self.path != "/bare":
            self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 09:00:00 GMT")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


def test_both_validators_are_learnt(port):
    assert validators(port, "/known") == (
        ("If-None-Match", '"1"'), ("If-Modified-Since", "Sun, 22 Nov 2026 09:00:00 GMT"))


@pytest.mark.parametrize("path", ["/deaf", "/bare", "/missing"])
def test_whoever_does_not_answer_304_fails(port, path):
    with pytest.raises(RuntimeError, match="304 were to come"):
        validators(port, path)
