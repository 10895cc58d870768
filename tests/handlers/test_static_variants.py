"""One file in several codings: what lies beside it, and what is made of it."""

import gzip
import os
import time

import brotli
import pytest

from proxy.handlers.static_cache import LARGEST
from tests.handlers.sites import HeldLoop, ask, make_static

TEXT = b"body { color: black }\n" * 100
BROWSER = [(b"Accept-Encoding", b"gzip, deflate, br, zstd")]


@pytest.fixture
def css(site):
    path = site / "css" / "large.css"
    path.write_bytes(TEXT)
    return path


def beside(path, suffix, octets):
    sidecar = path.with_name(path.name + suffix)
    sidecar.write_bytes(octets)
    return sidecar


def accepting(value, *fields):
    return [(b"Accept-Encoding", value), *fields]


def test_text_is_made_smaller_for_who_takes_it(site, css):
    static = make_static(site)
    answer = ask(static, b"/css/large.css", BROWSER)
    assert answer.field(b"content-encoding") == b"br"
    assert brotli.decompress(bytes(answer.body)) == TEXT
    assert answer.field(b"content-length") == b"%d" % len(answer.body)
    assert answer.field(b"content-type") == b"text/css; charset=utf-8"
    assert answer.field(b"vary") == b"Accept-Encoding"


def test_who_asks_for_no_coding_gets_the_plain_form_and_is_told_that_there_are_others(site, css):
    answer = ask(make_static(site), b"/css/large.css")
    assert answer.body == TEXT
    assert answer.field(b"content-encoding") is None
    assert answer.field(b"vary") == b"Accept-Encoding"


def test_each_form_has_a_tag_of_its_own_and_those_made_here_weak_ones(site, css):
    def tags(static):
        values = (b"br", b"gzip", b"")
        return [ask(static, b"/css/large.css", accepting(value)).field(b"etag") for value in values]

    here = tags(make_static(site))
    assert len(set(here)) == 3
    assert [tag.startswith(b"W/") for tag in here] == [True, True, False]
    assert here == tags(make_static(site))


@pytest.mark.parametrize("value", [b"br", b"gzip", b"zstd", b""])
def test_the_tag_of_a_form_is_answered_with_304(site, css, value):
    static = make_static(site, max_age="1h")
    first = ask(static, b"/css/large.css", accepting(value))
    again = ask(static, b"/css/large.css", accepting(value, (b"If-None-Match", first.field(b"etag"))))
    assert (again.status, again.body) == (304, b"")
    for name in (b"etag", b"vary", b"cache-control"):
        assert again.field(name) == first.field(name) is not None


def test_a_form_is_made_once(site, css, monkeypatch):
    static = make_static(site)
    first = ask(static, b"/css/large.css", BROWSER)
    monkeypatch.setattr("proxy.handlers.library.encode", None)
    assert ask(static, b"/css/large.css", accepting(b"br")).body == first.body


def test_who_comes_after_a_change_gets_no_form_of_what_was_before(site, settled):
    """One waits for a thread that works on the old octets; the next one finds new ones."""
    path, loop = site / "app.js", HeldLoop()
    path.write_bytes(b"old" * 20_000)
    static = make_static(site)
    first = ask(static, b"/app.js", BROWSER, loop=loop)
    path.write_bytes(b"new" * 20_001)
    second = ask(static, b"/app.js", BROWSER, loop=loop, started=2.0)
    loop.let_go()
    assert brotli.decompress(bytes(second.body)) == b"new" * 20_001
    assert first.field(b"etag") != second.field(b"etag")
    later = ask(static, b"/app.js", BROWSER, started=2.5)
    assert (later.body, later.field(b"etag")) == (second.body, second.field(b"etag"))


def test_small_files_and_pictures_are_left_alone(site):
    (site / "small.css").write_bytes(TEXT[:1023])
    (site / "picture.png").write_bytes(TEXT)
    static = make_static(site)
    assert ask(static, b"/small.css", BROWSER).body == TEXT[:1023]
    picture = ask(static, b"/picture.png", BROWSER)
    assert picture.body == TEXT
    assert picture.field(b"vary") is None


def test_what_gains_nothing_stays_plain(site):
    noise = os.urandom(4096)
    (site / "noise.txt").write_bytes(noise)
    static = make_static(site)
    for _ in range(2):
        answer = ask(static, b"/noise.txt", BROWSER)
        assert (answer.body, answer.field(b"content-encoding")) == (noise, None)


def test_with_compress_off_and_nothing_beside_there_is_one_form(site, css):
    answer = ask(make_static(site, compress=False, precompressed=[]), b"/css/large.css", BROWSER)
    assert (answer.body, answer.field(b"vary")) == (TEXT, None)


def test_what_lies_beside_is_taken_as_it_is(site, css):
    beside(css, ".br", b"from the build")
    answer = ask(make_static(site), b"/css/large.css", BROWSER)
    assert (answer.body, answer.field(b"content-encoding")) == (b"from the build", b"br")
    assert answer.field(b"etag").startswith(b'"')
    assert answer.field(b"content-type") == b"text/css; charset=utf-8"


def test_the_clients_liking_comes_before_what_lies_beside(site, css):
    beside(css, ".gz", gzip.compress(TEXT))
    answer = ask(make_static(site), b"/css/large.css", accepting(b"br;q=0.5, gzip"))
    assert (answer.field(b"content-encoding"), gzip.decompress(bytes(answer.body))) == (b"gzip", TEXT)


def test_codings_that_are_not_named_are_not_looked_for(site, css):
    beside(css, ".br", b"from the build")
    answer = ask(make_static(site, precompressed=["gzip"], compress=False), b"/css/large.css", BROWSER)
    assert answer.body == TEXT


def test_what_is_older_than_its_file_is_not_its_form(site, css):
    sidecar = beside(css, ".br", b"of an older version")
    then = time.time() - 3600
    os.utime(sidecar, (then, then))
    answer = ask(make_static(site), b"/css/large.css", BROWSER)
    assert brotli.decompress(bytes(answer.body)) == TEXT


def test_what_comes_to_lie_beside_is_seen(site, css, settled):
    static = make_static(site)
    ask(static, b"/css/large.css", BROWSER, started=5.0)
    beside(css, ".br", b"from the build")
    assert ask(static, b"/css/large.css", BROWSER, started=7.0).body == b"from the build"


def test_what_lies_beside_no_more_is_made(site, css, settled):
    sidecar = beside(css, ".br", b"from the build")
    static = make_static(site)
    ask(static, b"/css/large.css", BROWSER, started=5.0)
    sidecar.unlink()
    assert brotli.decompress(bytes(ask(static, b"/css/large.css", BROWSER, started=7.0).body)) == TEXT


def test_a_sidecar_that_goes_before_it_was_read_does_no_harm(site, css):
    sidecar = beside(css, ".br", b"from the build")
    static = make_static(site)
    assert ask(static, b"/css/large.css").body == TEXT  # looked at, not read
    sidecar.unlink()
    assert brotli.decompress(bytes(ask(static, b"/css/large.css", BROWSER).body)) == TEXT


def test_a_sidecar_that_leads_out_is_none(site, css, tmp_path):
    (tmp_path / "secret").write_bytes(b"never served")
    css.with_name("large.css.br").symlink_to(tmp_path / "secret")
    assert brotli.decompress(bytes(ask(make_static(site), b"/css/large.css", BROWSER).body)) == TEXT


def test_a_part_is_of_the_plain_form(site, css):
    answer = ask(make_static(site), b"/css/large.css", [*BROWSER, (b"Range", b"bytes=0-3")])
    assert (answer.status, answer.body, answer.field(b"content-encoding")) == (206, b"body", None)


def test_a_part_of_what_lies_beside_is_for_who_has_its_tag(site, css):
    beside(css, ".br", b"from the build")
    static = make_static(site)
    tag = ask(static, b"/css/large.css", BROWSER).field(b"etag")
    for handler in (static, make_static(site)):
        part = ask(handler, b"/css/large.css", [*BROWSER, (b"Range", b"bytes=5-7"), (b"If-Range", tag)])
        assert (part.status, part.body, part.field(b"content-encoding")) == (206, b"the", b"br")


@pytest.mark.parametrize("method, wanted", [
    (b"HEAD", b"bytes=0-9"), (b"GET", b"lines=0-9"), (b"GET", b"nonsense")])
def test_a_range_that_means_nothing_changes_nothing(site, css, method, wanted):
    """RFC 9110 section 14.2."""
    static = make_static(site)
    with_it, without = (ask(static, b"/css/large.css", [*BROWSER, *fields], method=method)
                        for fields in ([(b"Range", wanted)], []))
    assert with_it.field(b"content-encoding") == b"br"
    assert (with_it.head.lines, with_it.body) == (without.head.lines, without.body)


def test_there_are_no_parts_of_what_was_made(site, css):
    static = make_static(site)
    first = ask(static, b"/css/large.css", BROWSER)
    assert first.field(b"accept-ranges") is None
    strong = first.field(b"etag").removeprefix(b"W/")
    for tag in (first.field(b"etag"), strong):
        whole = ask(static, b"/css/large.css", [*BROWSER, (b"Range", b"bytes=5-7"), (b"If-Range", tag)])
        assert (whole.status, whole.body) == (200, TEXT)
    refused = ask(static, b"/css/large.css", accepting(b"br, identity;q=0", (b"Range", b"bytes=5-7")))
    assert (refused.status, refused.field(b"content-encoding")) == (200, b"br")


def test_large_text_has_its_form_in_memory_and_its_octets_on_the_disk(site):
    large = TEXT * (2 * LARGEST // len(TEXT))
    (site / "large.js").write_bytes(large)
    beside(site / "large.js", ".gz", gzip.compress(large))
    static = make_static(site)
    answer = ask(static, b"/large.js", accepting(b"gzip"))
    assert gzip.decompress(bytes(answer.body)) == large
    assert ask(static, b"/large.js").body == large


def test_what_is_written_to_while_it_is_read_is_looked_at_again(site, monkeypatch):
    path, real, first = site / "large.js", os.pread, []
    path.write_bytes(b"old" * LARGEST)

    def overwriting(fd, size, offset):
        data = real(fd, size, offset)
        if not first:
            first.append(path.write_bytes(b"new" * (LARGEST + 1)))
        return data

    monkeypatch.setattr("proxy.handlers.library.os.pread", overwriting)
    answer = ask(make_static(site), b"/large.js", BROWSER)
    assert brotli.decompress(bytes(answer.body)) == b"new" * (LARGEST + 1)


def test_the_shelf_counts_every_form(site, css):
    static = make_static(site)
    ask(static, b"/css/large.css")
    entry = static._place.entries[b"/css/large.css"]
    before = entry.octets
    body = ask(static, b"/css/large.css", BROWSER).body
    assert entry.octets == before + len(body)
    assert static._place.shelf._taken == entry.octets
