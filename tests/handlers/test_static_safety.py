"""Nothing outside the root is ever served, whatever is asked and whatever lies in the root."""

import errno
import logging
import os
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.errors import RequestError
from tests.handlers.sites import SECRET, ask, descriptors, make_static

PIECES = [
    b"..", b".", b"", b"%2e%2e", b".%2e", b"%2e", b"%2f", b"%5c", b"\\", b"..\\", b"%252e%252e", b"%00",
    b"%ff", b"?", b"%c0%ae%c0%ae", b"..;", b"a b", b"..%2f..%2fsecret.txt", b"etc", b"passwd",
    b"secret.txt", b"outside", b"site", b"inner.txt", b"css", b"a.css", b"up", b"out", b"chain",
    b"loop", b"in", b".env", b"index.html"]


@pytest.fixture
def linked(site, tmp_path):
    """Links of every kind in the site."""
    (site / "up").symlink_to("..")
    (site / "out").symlink_to(tmp_path / "outside")
    (site / "out.txt").symlink_to("../secret.txt")
    (site / "absolute.txt").symlink_to(tmp_path / "secret.txt")
    (site / "chain").symlink_to("css/on")
    (site / "css" / "on").symlink_to("../up/outside")
    (site / "loop").symlink_to("loop")
    (site / "dangling").symlink_to("nowhere")
    (site / "in").symlink_to("css")
    (site / "in.css").symlink_to("css/../css/./a.css")
    (site / "in-absolute.css").symlink_to(site / "css" / "a.css")
    (site / "whole").symlink_to(site)
    return site


@pytest.mark.parametrize("target", [
    b"/up/secret.txt", b"/out/inner.txt", b"/out.txt", b"/absolute.txt", b"/chain/inner.txt", b"/loop",
    b"/loop/a", b"/dangling", b"/up", b"/up/", b"/out", b"/up/site/css/a.css", b"/css/on/inner.txt"])
def test_link_that_leaves_the_root_is_404(linked, target):
    assert ask(make_static(linked), target).status == 404
    assert descriptors(linked.parent) == []


@pytest.mark.parametrize("target", [
    b"/in/a.css", b"/in.css", b"/in-absolute.css", b"/whole/css/a.css", b"/whole/in/a.css"])
def test_link_that_stays_below_the_root_is_followed(linked, target):
    assert ask(make_static(linked), target).body == b"body {}"


def test_link_to_the_root_itself_is_a_directory(linked):
    assert ask(make_static(linked), b"/whole").field(b"location") == b"/whole/"
    assert ask(make_static(linked), b"/whole/").body == b"<p>home"


@pytest.mark.parametrize("target", [b"/up/secret.txt", b"/out/inner.txt", b"/out.txt", b"/chain/inner.txt"])
def test_link_may_leave_when_the_configuration_says_so(linked, target):
    assert ask(make_static(linked, follow_symlinks=True), target).body == SECRET


def test_root_may_be_reached_through_a_link(linked, tmp_path):
    (tmp_path / "current").symlink_to("site")
    static = make_static(tmp_path / "current")
    assert ask(static, b"/css/a.css").status == 200
    assert ask(static, b"/in-absolute.css").status == 200
    assert ask(static, b"/out.txt").status == 404


def test_root_with_the_beginning_of_a_name_is_another_directory(site, tmp_path):
    (tmp_path / "site-secret").write_bytes(SECRET)
    (site / "near").symlink_to(tmp_path / "site-secret")
    assert ask(make_static(site), b"/near").status == 404


def test_file_in_memory_is_not_served_once_a_link_takes_its_place(site, tmp_path, settled):
    static = make_static(site)
    assert ask(static, b"/css/a.css").status == 200
    (site / "css").rename(tmp_path / "aside")
    (tmp_path / "outside" / "a.css").write_bytes(SECRET)
    (site / "css").symlink_to(tmp_path / "outside")
    assert ask(static, b"/css/a.css", started=2.0).status == 404


def test_link_put_in_place_while_we_look_does_not_lead_out(site, tmp_path, monkeypatch):
    (tmp_path / "outside" / "a.css").write_bytes(SECRET)
    real = os.open

    def swap_after_root(path, flags, *args, **options):
        fd = real(path, flags, *args, **options)
        if path == os.fsencode(site):
            (site / "css").rename(tmp_path / "aside")
            (site / "css").symlink_to(tmp_path / "outside")
        return fd

    monkeypatch.setattr(os, "open", swap_after_root)
    assert ask(make_static(site), b"/css/a.css").status == 404


def test_fifo_is_404_and_nobody_waits(site):
    os.mkfifo(site / "fifo")
    assert ask(make_static(site), b"/fifo").status == 404
    assert descriptors(site) == []


def test_socket_is_404(site):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(site / "socket"))
        assert ask(make_static(site), b"/socket").status == 404


def test_device_is_404(site):
    (site / "zero").symlink_to("/dev/zero")
    assert ask(make_static(site, follow_symlinks=True), b"/zero").status == 404


def failing(monkeypatch, code):
    def fail(*args, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", fail)


@pytest.mark.parametrize("code, status", [
    (errno.EACCES, 404), (errno.EPERM, 404), (errno.EIO, 500), (errno.EMFILE, 500), (errno.ENFILE, 500)])
def test_what_cannot_be_read_is_logged_now_and_then(site, monkeypatch, caplog, code, status):
    static = make_static(site)
    failing(monkeypatch, code)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            assert ask(static, b"/css/a.css").status == status
    assert len(caplog.records) == 1
    assert "a.css" in caplog.text


def test_what_is_not_there_is_not_logged(site, caplog):
    ask(make_static(site), b"/nothing", started=100.0)
    assert caplog.records == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=7),
       glue=st.sampled_from([b"/", b"/", b"//", b"\\", b"%2f"]),
       prefix=st.sampled_from([b"/", b"/css/", b"/static/"]), hidden=st.booleans())
def test_no_path_leads_out(linked, pieces, glue, prefix, hidden):
    assert_safe(make_static(linked, prefix, hidden=hidden), prefix + glue.join(pieces), hidden)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rest=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7e), max_size=30))
def test_no_text_leads_out(linked, rest):
    assert_safe(make_static(linked), b"/" + rest.encode(), hidden=False)


def assert_safe(static, target, hidden):
    try:
        exchange = ask(static, target)
    except RequestError:
        return  # the wire refuses it before any handler
    assert exchange.status in {200, 301, 404}
    location = exchange.field(b"location") or b""
    assert not location.startswith((b"//", b"/\\"))
    if not (hidden and b"env" in target):
        assert SECRET not in exchange.body
