import pytest

from proxy.config.schema import RespondConfig
from proxy.handlers.respond import Respond
from tests.handlers.sites import ask


def make(**options):
    return Respond(RespondConfig.model_construct(**options))


def test_answer_is_what_was_configured():
    answer = ask(make(body="pong é\n", headers={"X-Note": "yes"}), b"/ping")
    assert (answer.status, answer.body) == (200, "pong é\n".encode())
    assert answer.field(b"content-type") == b"text/plain; charset=utf-8"
    assert answer.field(b"content-length") == b"8"
    assert answer.field(b"x-note") == b"yes"


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"OPTIONS", b"ODD"])
def test_any_method_is_answered_with_the_same(method):
    respond = make(status=503, body="later")
    assert ask(respond, b"/", method=method).head is ask(respond, b"/").head


def test_configured_header_is_the_only_content_type():
    answer = ask(make(headers={"content-type": "text/html"}), b"/")
    assert answer.field(b"content-type") == b"text/html"


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_body_says_nothing_of_one(status):
    answer = ask(make(status=status), b"/")
    assert (answer.status, answer.body) == (status, b"")
    assert answer.field(b"content-length") is None
    assert answer.field(b"content-type") is None


@pytest.mark.parametrize("options", [
    {"status": 204, "body": "x"}, {"headers": {"A B": "x"}}, {"headers": {"A": "x\r\nB: y"}},
    {"headers": {"": "x"}}, {"headers": {"Content-Length": "3"}},
    {"headers": {"transfer-encoding": "chunked"}}, {"headers": {"Date": "x"}}])
def test_what_cannot_be_sent_is_refused_when_the_route_is_built(options):
    with pytest.raises(ValueError):
        make(**options)
