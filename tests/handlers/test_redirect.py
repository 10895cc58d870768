from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.schema import RedirectConfig
from proxy.errors import RequestError
from proxy.handlers.redirect import Redirect
from tests.handlers.sites import ask


def make(to, prefix=b"/old/", status=308):
    return Redirect(RedirectConfig.model_construct(to=to, status=status), prefix)


def location(to, target, prefix=b"/old/", **options):
    answer = ask(make(to, prefix), target, **options)
    assert answer.status == 308
    return answer.field(b"location")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_status_is_the_configured_one(status):
    answer = ask(make("/new/", status=status), b"/old/", method=b"POST")
    assert (answer.status, answer.field(b"location")) == (status, b"/new/")


def test_fixed_target_is_prepared_once():
    redirect = make("/new/")
    assert ask(redirect, b"/old/a").head is ask(redirect, b"/old/b").head


@pytest.mark.parametrize("to, target, expected", [
    ("/new/{rest}", b"/old/a/b", b"/new/a/b"),
    ("/new/{rest}", b"/old/", b"/new/"),
    ("/new/{rest}", b"/old/a%20b;c", b"/new/a%20b;c"),
    ("/new/{rest}", b"/old//a%2fb", b"/new/a/b"),
    ("/new/{rest}?{query}", b"/old/a?x=1&y=%2f", b"/new/a?x=1&y=%2f"),
    ("/new/{rest}?{query}", b"/old/a", b"/new/a"),
    ("/new?from={path}&{query}", b"/old/a?x", b"/new?from=/old/a&x"),
    ("https://{host}{path}?{query}", b"/old/a%2Fb?q", b"https://a.example:81/old/a%2Fb?q"),
    ("{scheme}://{host}/x", b"/old/a", b"http://a.example:81/x"),
    ("https://new.example{path}", b"/old/a", b"https://new.example/old/a"),
    ("//new.example{path}", b"/old/a", b"//new.example/old/a"),
    ("/ü", b"/old/a", b"/%C3%BC"),
    ("/new#top", b"/old/a", b"/new#top"),
])
def test_location(to, target, expected):
    assert location(to, target, host=b"a.example:81") == expected


@pytest.mark.parametrize("to, target, expected", [
    ("/{rest}", b"/old//evil.example", b"/evil.example"),
    ("/{rest}", b"/old/%2fevil.example", b"/evil.example"),
    ("/{rest}", b"/old/\\evil.example", b"/%5Cevil.example"),
    ("/{rest}", b"/old/%5cevil.example", b"/%5Cevil.example"),
    ("{rest}", b"/old/https://evil.example", b"/https:/evil.example"),
    ("{rest}", b"/old/javascript:alert(1)", b"/javascript:alert(1)"),
    ("{path}", b"//evil.example", b"/evil.example"),
    ("{path}", b"/\\evil.example", b"/%5Cevil.example"),
    ("{query}", b"/old/?//evil.example", b"/evil.example"),
    ("/{query}", b"/old/?/evil.example", b"/evil.example"),
    ("/{query}", b"/old/?\\evil.example", b"/%5Cevil.example"),
    ("https://good.example{rest}", b"/old/.evil.example", b"https://good.example/.evil.example"),
    ("https://good.example{rest}", b"/old/@evil.example", b"https://good.example/@evil.example"),
    ("https://good.example{rest}", b"/old/:80@evil.example", b"https://good.example/:80@evil.example"),
    ("https://good{rest}", b"/old/.evil.example", b"https://good/.evil.example"),
    ("https:/good{rest}", b"/old/.evil.example", b"https:/good/.evil.example"),
    ("https://good.example?{query}{rest}", b"/old/.evil.example", b"https://good.example/.evil.example"),
    ("/new/{rest}", b"/old/%0d%0aSet-Cookie:%20a=b", b"/new/%0d%0aSet-Cookie:%20a=b"),
    ("/new/{rest}", b"/old//%0d%0aSet-Cookie:%20a=b", b"/new/%0D%0ASet-Cookie:%20a=b"),
])
def test_client_does_not_choose_where_it_goes(to, target, expected):
    assert location(to, target) == expected


@pytest.mark.parametrize("to", [
    "https://{rest}", "https:{path}", "https:/{rest}", "https:///{rest}", "//{rest}", "{scheme}://{path}",
    "{scheme}:{query}", "/new/{reste}", "/{}", "/{rest }"])
def test_target_that_gives_the_host_away_or_is_unknown_is_refused_when_built(to):
    with pytest.raises(ValueError):
        make(to)


@pytest.mark.parametrize("host", [b"", b"a b", b"a\r\nX: y", b"user@evil.example", b"a/b"])
def test_host_that_is_none_is_400_where_it_is_needed(host):
    assert ask(make("https://{host}/"), b"/old/", host=host).status == 400
    assert ask(make("/new/{rest}"), b"/old/", host=host).status == 308


TEMPLATES = [
    "{rest}", "/{rest}", "/{path}", "{path}{query}", "/{query}{rest}", "/new/{rest}?{query}",
    "{query}?{query}", "https://a.example{rest}", "https://{host}{path}", "https://a.example?{query}{rest}",
    "{scheme}://a.example/{rest}"]
NASTY = st.lists(st.sampled_from([
    b"/", b"//", b"\\", b"%2f", b"%5c", b"..", b".", b"%2e%2e", b"@", b":", b"evil.example", b"https:", b"?",
    b"%0d%0a", b"%09", b";", b"%ff", b"[", b"%00", b"&", b"=", b"'", b"|"]), max_size=8).map(b"".join)


@given(to=st.sampled_from(TEMPLATES), rest=NASTY)
def test_no_target_leads_to_another_host(to, rest):
    try:
        sent_to = location(to, b"/old/" + rest)
    except RequestError:
        return  # the wire refuses it before any handler
    assert b"\\" not in sent_to
    assert urlsplit(urljoin("http://a.example/old/", sent_to.decode("ascii"))).hostname == "a.example"
