from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.http_rules import OWN_FIELDS, RedirectTarget
from proxy.config.schema import RedirectConfig, RespondConfig
from proxy.handlers.redirect import Redirect
from proxy.handlers.respond import Respond

PARTS = [
    "{path}",
    "{query}",
    "{host}",
    "{scheme}",
    "{rest}",
    "?{query}",
    "/",
    "//",
    ":",
    "?",
    "#",
    "https",
    "a",
    "%20",
]


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=7).map("".join))
def test_what_a_redirect_may_go_to_the_handler_takes(to):
    def rule():
        RedirectTarget().decode(to, Path())

    def handler():
        Redirect(RedirectConfig.model_construct(to=to, status=308), b"/")

    if to_is_refused(handler):
        with pytest.raises(ValueError):
            rule()
    else:
        rule()
        assert RedirectConfig(to=to).to == to


def to_is_refused(build):
    try:
        build()
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("to", ["https://{path}", "//{rest}", "{scheme}:{query}", "https:///{path}"])
def test_the_client_does_not_choose_the_host(to):
    with pytest.raises(ValueError) as caught:
        RedirectTarget().decode(to, Path())
    assert "lets the client choose the host" in str(caught.value)


@pytest.mark.parametrize("name", sorted(OWN_FIELDS))
def test_headers_that_the_proxy_sets_are_refused(errors_of, name):
    (line,) = errors_of(f"listen: a:1\nroutes: [{{respond: {{headers: {{{name.title()}: x}}}}}}]")
    assert f"the proxy sets '{name.title()}' itself" in line


@pytest.mark.parametrize("status", [200, 204, 304, 404, 599])
def test_what_may_be_responded_the_handler_takes(status):
    config = RespondConfig(status=status, headers={"X-A": "a b", "!#$%&'*+-.^_`|~": ""})
    assert Respond(config)
