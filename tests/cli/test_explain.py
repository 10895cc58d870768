import json

import pytest

from proxy import cli

CONFIG = """\
listen: 127.0.0.1:0
pools:
  web: {endpoints: [127.0.0.1:8001, 127.0.0.1:8002]}
routes:
  - match: {path: /ping}
    respond: {status: 204}
  - reverse_proxy: web
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Runs `explain` on a configuration; exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)

    def explain(*words):
        try:
            status = cli.main(["explain", *words])
        except SystemExit as leave:
            status = leave.code
        return status, *capsys.readouterr()

    return explain


def test_it_says_where_a_request_goes(call):
    status, out, err = call("GET", "https://shop.example/cart", "--from", "203.0.113.9")
    assert (status, err) == (0, "")
    assert out.startswith("GET /cart HTTP/1.1   from 203.0.113.9\n")
    assert "x route 1  path is /cart, not /ping" in out
    assert "is chosen: has 1 of 2 turns" in out
    assert "+ X-Real-IP: 203.0.113.9" in out


def test_the_same_for_programs(call):
    status, out, _ = call("--json", "/ping")
    told = json.loads(out)
    assert (status, told["answer"]["status"], told["handler"]["kind"]) == (0, 204, "respond")


def test_an_endpoint_may_be_down(call):
    assert "127.0.0.1:8001 is chosen: no other may be picked" in call("/", "--down", "127.0.0.1:8002")[1]


def test_an_application_may_answer_otherwise(call):
    out = call("/", "--answer", "301", "--answer-header", "Location: http://{endpoint}/x")[1]
    assert "~ Location: http://127.0.0.1" in out
    assert "HTTP/1.1 301 Moved Permanently" in out


def test_octets_instead_of_words(call, tmp_path):
    (tmp_path / "request").write_bytes(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert "400: host is there twice (RFC 9110 section 5.3)" in call("--raw", "request")[1]


@pytest.mark.parametrize("words, message", [
    ((), "it takes a method and a URL"),
    (("GET", "/", "x"), "it takes a method and a URL"),
    (("/", "--header", "x"), "'x' is no header"),
    (("/", "--from", "here"), "'here' does not appear to be"),
    (("/", "--answer", "100"), "100 is no final status"),
    (("/", "--down", "127.0.0.1:9"), "no pool has the endpoint '127.0.0.1:9'"),
    (("--raw", "nothing"), "No such file"),
])
def test_what_it_does_not_understand(call, words, message):
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert message in err


def test_mistakes_in_the_file_are_told(call, tmp_path):
    (tmp_path / "config.yaml").write_text("listen: 1\n")
    status, _, err = call("/")
    assert status == 2
    assert "config.yaml:1:" in err


def test_one_word_that_is_no_path_is_the_id_of_a_request(call):
    status, out, err = call("47747867fadc795800000000")
    assert (status, out) == (2, "")
    assert "has no admin listener" in err
