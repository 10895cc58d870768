"""What a path means: hidden names, a page in place of what is not there, a directory's listing."""

import errno
import json
import os
import threading

import pytest

from proxy.handlers.listing import scan
from proxy.handlers.manifest import load
from tests.handlers.sites import HeldLoop, ask, make_static

PAGE = b"<p>not here, sorry"
SHELL = b"<div id=app>"


def put(path, octets):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)


@pytest.mark.parametrize("name", [
    b"con", b"CON", b"nul.txt", b"css/aux.css", b"com1", b"LPT9.js", b"prn.tar.gz", b"con ", b"con:x"])
def test_names_that_windows_reads_in_its_own_way_are_404(site, name):
    put(site / os.fsdecode(name), b"there")
    assert ask(make_static(site), b"/" + name.replace(b" ", b"%20")).status == 404


@pytest.mark.parametrize("name", [
    b"console", b"com", b"com10", b"null.js", b"aux-in.css", b"12:00.log", b"a."])
def test_names_that_only_look_like_these_are_served(site, name):
    put(site / os.fsdecode(name), b"there")
    assert ask(make_static(site), b"/" + name).status == 200


@pytest.mark.parametrize("target, status", [
    (b"/css/a.css.map", 404), (b"/private/a.css", 404), (b"/private/", 404), (b"/css/private", 404),
    (b"/css/a.css", 200), (b"/privat/a.css", 200)])
def test_patterns_hide_names_and_what_is_below_them(site, target, status):
    for name in ("css/a.css.map", "private/a.css", "css/private", "privat/a.css"):
        put(site / name, b"there")
    assert ask(make_static(site, hide=["*.map", "private"]), target).status == status


def test_types_of_the_configuration_come_first(site):
    put(site / "a.foo", b"x")
    put(site / "a.css", b"x")
    static = make_static(site, types={".foo": "text/x-foo; charset=utf-8", ".css": "text/plain"})
    assert ask(static, b"/a.foo").field(b"content-type") == b"text/x-foo; charset=utf-8"
    assert ask(static, b"/a.css").field(b"content-type") == b"text/plain"


def test_cache_control_by_name(site):
    put(site / "assets" / "app.js", b"x")
    put(site / "page.html", b"x")
    static = make_static(site, max_age="1h", cache=[
        {"files": "*.html", "control": "no-cache"},
        {"files": "assets/**", "max_age": "365d", "immutable": True}])
    assert ask(static, b"/page.html").field(b"cache-control") == b"no-cache"
    control = ask(static, b"/assets/app.js").field(b"cache-control")
    assert control == b"max-age=31536000, immutable"
    assert ask(static, b"/css/a.css").field(b"cache-control") == b"max-age=3600"


def test_visits_wait_for_the_first_look_at_the_manifests(site, monkeypatch):
    """Which takes 200 ms for 100,000 files, and nobody else has to wait for it."""
    put(site / "app.0123456789ab.js", b"x")
    put(site / "staticfiles.json", b'{"paths": {"app.js": "app.0123456789ab.js"}, "version": "1.1"}')
    loads, loop = [], HeldLoop()
    monkeypatch.setattr("proxy.handlers.builds.load", lambda *args: loads.append(args) or load(*args))
    static = make_static(site, manifest=[str(site / "staticfiles.json")])
    answers = [ask(static, b"/app.0123456789ab.js", loop=loop) for _ in range(3)]
    assert (loads, [answer.over for answer in answers]) == ([], [False] * 3)
    loop.let_go()
    assert [answer.field(b"cache-control") for answer in answers] == [b"max-age=31536000, immutable"] * 3
    assert len(loads) == 1


# In place of what is not there.

@pytest.fixture
def application(site):
    put(site / "index.html", SHELL)
    return site


@pytest.mark.parametrize("target", [b"/users/7", b"/css/", b"/users/john.doe", b"/no/such/folder/"])
def test_routes_of_a_single_page_application_get_its_page(application, target):
    answer = ask(make_static(application, fallback="index.html"), target)
    assert (answer.status, answer.body) == (200, SHELL)
    assert answer.field(b"content-type") == b"text/html; charset=utf-8"


@pytest.mark.parametrize("target", [b"/assets/gone.js", b"/a.png", b"/.env", b"/x%2fy.css"])
def test_files_that_are_not_there_do_not(application, target):
    assert ask(make_static(application, fallback="index.html"), target).status == 404


def test_nor_do_files_of_a_type_that_the_configuration_knows(application):
    static = make_static(application, fallback="index.html", types={".foo": "text/x-foo"})
    assert ask(static, b"/gone.foo").status == 404
    assert ask(static, b"/gone.bar").body == SHELL


def test_the_fallback_is_in_memory_once(application):
    static = make_static(application, fallback="index.html")
    for number in range(50):
        assert ask(static, b"/users/%d" % number).body == SHELL
    assert list(static._place.entries) == [b"/index.html"]


def test_the_fallback_answers_conditions_and_head(application):
    static = make_static(application, fallback="index.html")
    tag = ask(static, b"/users/7").field(b"etag")
    assert ask(static, b"/users/7", [(b"If-None-Match", tag)]).status == 304
    assert ask(static, b"/users/7", method=b"HEAD").body == b""


def test_a_fallback_that_is_not_there_is_a_404_and_told(site, caplog):
    (site / "index.html").unlink()
    assert ask(make_static(site, fallback="index.html"), b"/users/7").status == 404
    assert "'/index.html' stands in the configuration, and is not there" in caplog.text


def test_the_page_of_a_404(site):
    put(site / "errors" / "404.html", PAGE)
    static = make_static(site, not_found="errors/404.html", max_age="1h")
    for target in (b"/nothing", b"/css/b.css", b"/%2e%2e%2f"):
        answer = ask(static, target)
        assert (answer.status, answer.body) == (404, PAGE)
        assert answer.field(b"content-type") == b"text/html; charset=utf-8"
        for name in (b"etag", b"last-modified", b"cache-control", b"accept-ranges"):
            assert answer.field(name) is None
    assert ask(static, b"/nothing", [(b"If-None-Match", b"*")]).status == 404
    assert ask(static, b"/nothing", [(b"Range", b"bytes=0-3")]).body == PAGE
    assert ask(static, b"/nothing", method=b"HEAD").body == b""


def test_the_page_of_a_404_is_compressed_too(site):
    put(site / "404.html", PAGE * 100)
    answer = ask(make_static(site, not_found="404.html"), b"/nothing", [(b"Accept-Encoding", b"gzip")])
    assert (answer.status, answer.field(b"content-encoding")) == (404, b"gzip")
    assert answer.field(b"content-length") == b"%d" % len(answer.body)


def test_a_page_that_is_not_there_is_the_plain_404(site, caplog):
    answer = ask(make_static(site, not_found="404.html"), b"/nothing")
    assert (answer.status, answer.body) == (404, b"404 Not Found\n")
    assert "'/404.html' stands in the configuration" in caplog.text


def test_the_page_itself_can_be_asked_for(site):
    put(site / "404.html", PAGE)
    assert ask(make_static(site, not_found="404.html"), b"/404.html").status == 200


@pytest.mark.parametrize("denied, status", [(404, 404), (403, 403)])
def test_what_may_not_be_read_is_what_the_configuration_says(site, monkeypatch, denied, status):
    def fail(*args, **options):
        raise PermissionError(errno.EACCES, "no")

    static = make_static(site, denied=denied)
    monkeypatch.setattr(os, "open", fail)
    assert ask(static, b"/css/a.css").status == status


# A directory's listing, which a thread makes.

async def listed(static, target, fields=()):
    answer = ask(static, target, fields, loop=None)
    while not answer.over:
        await answer.loop.run_in_executor(None, threading.active_count)
    return answer


async def test_a_directory_without_an_index_is_listed(site):
    (site / "css" / ".hidden").write_bytes(b"")
    answer = await listed(make_static(site, listing=True), b"/css/")
    assert answer.field(b"content-type") == b"text/html; charset=utf-8"
    assert b"a.css" in answer.body
    assert b".hidden" not in answer.body
    assert os.fsencode(site) not in answer.body
    assert b"default-src 'none'" in answer.field(b"content-security-policy")


async def test_a_listing_for_programs(site):
    put(site / "css" / "b.css", b"12345")
    for target, fields in ((b"/css/?format=json", ()), (b"/css/", [(b"Accept", b"application/json")])):
        answer = await listed(make_static(site, listing=True), target, fields)
        entries = json.loads(bytes(answer.body))["entries"]
        assert [(entry["name"], entry["size"]) for entry in entries] == [("a.css", 7), ("b.css", 5)]
        assert answer.field(b"vary") == b"Accept"


async def test_a_listing_that_has_not_changed_is_a_304(site):
    static = make_static(site, listing=True)
    tag = (await listed(static, b"/css/")).field(b"etag")
    again = await listed(static, b"/css/", [(b"If-None-Match", tag)])
    assert (again.status, again.body, again.field(b"etag")) == (304, b"", tag)
    put(site / "css" / "b.css", b"12345")
    assert (await listed(static, b"/css/", [(b"If-None-Match", tag)])).status == 200


async def test_an_index_comes_before_the_listing(site):
    answer = await listed(make_static(site, listing=True), b"/")
    assert answer.body == b"<p>home"


async def test_a_listing_shows_no_link_that_leads_out(site, tmp_path):
    (site / "css" / "out").symlink_to(tmp_path)
    (site / "css" / "in.css").symlink_to("a.css")
    answer = await listed(make_static(site, listing=True), b"/css/?format=json")
    assert [entry["name"] for entry in json.loads(bytes(answer.body))["entries"]] == ["a.css", "in.css"]


async def test_what_is_no_directory_is_404_with_listings_too(site):
    for target in (b"/nothing/", b"/.git/", b"/css/a.css/"):
        assert (await listed(make_static(site, listing=True), target)).status == 404


@pytest.mark.parametrize("options, code, status", [
    ({}, errno.EACCES, 404), ({"denied": 403}, errno.EACCES, 403), ({}, errno.EIO, 500),
    ({"fallback": "index.html"}, errno.EIO, 500),
    ({"fallback": "index.html", "denied": 403}, errno.EPERM, 403)])
def test_a_directory_that_cannot_be_read(site, monkeypatch, caplog, options, code, status):
    def fail(*args):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("proxy.handlers.library.scan", fail)
    assert ask(make_static(site, listing=True, **options), b"/css/").status == status
    assert os.strerror(code) in caplog.text


def test_a_listing_is_made_once_for_all_who_ask_for_the_same(site, monkeypatch):
    scans, loop, static = [], HeldLoop(), make_static(site, listing=True)

    def count(fd, hide, order, link):
        scans.append(order)
        return scan(fd, hide, order, link)

    monkeypatch.setattr("proxy.handlers.library.scan", count)
    targets = [b"/css/", b"/css/?format=json", b"/css/?order=desc", b"/css/?x"] * 5
    answers = [ask(static, target, loop=loop) for target in targets]
    assert not any(answer.over for answer in answers)
    loop.let_go()
    assert len(scans) == len({bytes(answer.body) for answer in answers}) == 3


def test_without_listings_a_directory_is_404(site):
    assert ask(make_static(site), b"/css/").status == 404
