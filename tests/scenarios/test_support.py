"""The helpers do what they say."""

import os

import pytest

from tests.scenarios.support import LOOPS, OK, ask, connect, open_fds, pss, rss


@pytest.mark.parametrize("loop", LOOPS)
def test_an_origin_that_answers(stage, loop):
    origin = stage.origin(OK)
    proxy = stage.before(origin, loop=loop)
    assert ask(proxy, "/a").body == b"OK"
    assert ask(proxy, "/b").status == 200
    assert [request.target for request in origin.requests] == [b"/a", b"/b"]
    assert origin.connections == 1
    assert proxy.stop() == 0
    assert proxy.access_log().count("GET /") == 2


def test_an_origin_that_the_test_plays(stage):
    origin = stage.origin()
    proxy = stage.before(origin)
    with connect(proxy) as client:
        client.get("/x")
        with origin.accept() as endpoint:
            assert endpoint.request().target == b"/x"
            endpoint.send(OK)
            assert client.response().body == b"OK"
    assert origin.nobody_waits()


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_gunicorn(stage, tmp_path, kind, threads):
    bind = {} if kind == "tcp" else {"bind": f"unix:{tmp_path}/app.sock"}
    application = stage.gunicorn(threads=threads, env={"INSTANCE": "zoe"}, **bind)
    proxy = stage.before(application)
    assert ask(proxy, "/who").body == b"zoe"
    assert len(application.workers()) == 1


def test_what_the_kernel_knows():
    assert pss(os.getpid()) <= rss(os.getpid())
    assert open_fds(os.getpid()) >= 3
