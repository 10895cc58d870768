import pytest

from proxy.observe.redact import Redaction


@pytest.mark.parametrize("raw, shown", [
    (b"/a", b"/a"), (b"/token=1", b"/token=1"), (b"/a?", b"/a?"), (b"/a?b=token", b"/a?b=token"),
    (b"/a?token", b"/a?token"), (b"/a?tokens=2", b"/a?tokens=2"), (b"/a?b=%20&c", b"/a?b=%20&c"),
    (b"/a?token=1", b"/a?token=***"), (b"/a?b=1&TOKEN=1&c=2", b"/a?b=1&TOKEN=***&c=2"),
    (b"/a?token=", b"/a?token=***"), (b"/a?token=1&token=2", b"/a?token=***&token=***"),
    (b"/a?%74ok%65n=1", b"/a?%74ok%65n=***"), (b"/a?Access-Token=1", b"/a?Access-Token=***"),
    (b"/a?user[password]=1", b"/a?user[password]=***"), (b"/a?u%5Bsecret%5D=1", b"/a?u%5Bsecret%5D=***"),
    (b"/a?b=1;token=x;c=2", b"/a?b=1;token=***"), (b"/a?b=1=token=2", b"/a?b=1=token=***"),
    (b"https://a.example/?token=x?y&b=2", b"https://a.example/?token=***&b=2"),
    (b"/a?x=?token=1", b"/a?x=?token=1")])
def test_targets(raw, shown):
    assert Redaction().target(raw) == shown


def test_names_of_ones_own():
    redaction = Redaction(["code", "x.y"], ["X-Pin"])
    assert redaction.target(b"/?code=1&x.y=2&xzy=3&token=4") == b"/?code=***&x.y=***&xzy=3&token=4"
    assert redaction.field(b"x-pin", b"1234") == b"***"
    assert redaction.field(b"cookie", b"a=b") == b"a=b"


def test_nothing_is_a_secret_where_nothing_is_named():
    redaction = Redaction([], [])
    assert redaction.target(b"/?token=%31") == b"/?token=%31"
    assert redaction.field(b"authorization", b"x") == b"x"


def test_lines_and_fields():
    redaction = Redaction()
    assert redaction.line(b"GET /?token=1 HTTP/1.1") == b"GET /?token=*** HTTP/1.1"
    assert redaction.field(b"authorization", b"Bearer x") == b"***"
    assert redaction.field(b"referer", b"http://a/?token=1") == b"http://a/?token=***"
    assert redaction.field(b"accept", b"a/b?token=1") == b"a/b?token=1"
