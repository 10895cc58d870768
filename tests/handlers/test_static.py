import os
import shutil
from email.utils import formatdate

import pytest

from proxy.handlers.representation import OLDEST, mark_of
from tests.handlers.sites import ask, descriptors, make_static


def test_file_is_answered_with_what_a_client_needs(site):
    os.utime(site / "css" / "a.css", ns=(0, 784111777_123456789))
    answer = ask(make_static(site, max_age="1h"), b"/css/a.css")
    assert (answer.status, answer.body) == (200, b"body {}")
    assert answer.field(b"content-type") == b"text/css; charset=utf-8"
    assert answer.field(b"content-length") == b"7"
    assert answer.field(b"last-modified") == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert answer.field(b"etag") == b'"%b"' % mark_of(b"body {}")
    assert answer.field(b"cache-control") == b"max-age=3600"
    assert answer.field(b"accept-ranges") == b"bytes"
    assert answer.field(b"x-content-type-options") == b"nosniff"


def test_cache_control_is_left_out_without_max_age(site):
    assert ask(make_static(site), b"/css/a.css").field(b"cache-control") is None


def test_max_age_of_zero_is_said(site):
    answer = ask(make_static(site, max_age="0s"), b"/css/a.css")
    assert answer.field(b"cache-control") == b"max-age=0"


def test_head_has_the_fields_of_get_and_no_body(site):
    static = make_static(site)
    cold, hot = ask(static, b"/css/a.css", method=b"HEAD"), ask(static, b"/css/a.css", method=b"HEAD")
    get = ask(static, b"/css/a.css")
    assert cold.body == hot.body == b""
    assert cold.head.lines == hot.head.lines == get.head.lines


def test_empty_file(site):
    answer = ask(make_static(site), b"/empty.bin")
    assert (answer.status, answer.body, answer.field(b"content-length")) == (200, b"", b"0")


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"get"])
def test_other_methods_are_405(site, method):
    answer = ask(make_static(site), b"/css/a.css", method=method)
    assert (answer.status, answer.field(b"allow")) == (405, b"GET, HEAD")


def test_prefix_is_stripped(site):
    assert ask(make_static(site, b"/static/"), b"/static/css/a.css").body == b"body {}"


def test_path_outside_the_prefix_is_404(site):
    assert ask(make_static(site, b"/static/"), b"/css/a.css").status == 404


@pytest.mark.parametrize("target", [
    b"/css/b.css", b"/css/a.css/", b"/css/a.css/b", b"/css/", b"/" + b"a" * 300, b"/" + b"a/" * 3000,
    b"/css%2fa.css", b"/css%2Fa.css", b"/css\\a.css", b"/css%5ca.css", b"/css/%0a", b"/%ff"])
def test_what_is_not_there_is_404(site, target):
    static = make_static(site)
    assert ask(static, b"/css/a.css").status == 200  # in memory, under the path that some of these decode to
    assert ask(static, target).status == 404


@pytest.mark.parametrize("target", [b"/css//a.css", b"//css/a.css", b"/x/../css/./a.css", b"/%63ss/a.css"])
def test_other_spellings_of_a_path_are_the_same_file(site, target):
    assert ask(make_static(site), target).body == b"body {}"


def test_encoded_slash_in_the_query_is_no_matter(site):
    assert ask(make_static(site), b"//css/a.css?next=%2f").body == b"body {}"


def test_name_with_any_octets(site):
    (site / os.fsdecode(b"a \xff%.txt")).write_bytes(b"odd")
    assert ask(make_static(site), b"/a%20%ff%25.txt").body == b"odd"


def test_index_of_a_directory(site):
    assert ask(make_static(site), b"/").body == b"<p>home"


def test_first_index_that_is_there_is_taken(site):
    (site / "css" / "index.htm").write_bytes(b"list")
    static = make_static(site, index=["index.html", "index.htm"])
    assert ask(static, b"/css/").body == b"list"


def test_index_that_is_a_directory_is_passed_over(site):
    (site / "css" / "index.html").mkdir()
    assert ask(make_static(site), b"/css/").status == 404


@pytest.mark.parametrize("target, location", [
    (b"/css", b"/css/"),
    (b"/css?a=b&c=%2f", b"/css/?a=b&c=%2f"),
    (b"/css?\\\"<", b"/css/?%5C%22%3C"),
    (b"//css", b"/css/"),
    (b"/x/..//css", b"/css/"),
    (b"/a%20d", b"/a%20d/"),
    (b"/a.example", b"/a.example/"),
    (b"//a.example", b"/a.example/"),
])
def test_directory_without_its_slash_is_sent_there(site, target, location):
    (site / "a d").mkdir()
    (site / "a.example").mkdir()
    answer = ask(make_static(site), target)
    assert (answer.status, answer.field(b"location")) == (301, location)


def test_redirect_to_the_slash_keeps_the_prefix(site):
    answer = ask(make_static(site, b"/static/"), b"/static/css")
    assert answer.field(b"location") == b"/static/css/"


def test_directory_named_with_a_line_end_stays_one_line(site):
    (site / "a\r\nX: y").mkdir()
    answer = ask(make_static(site), b"/a%0d%0aX:%20y")
    assert answer.field(b"location") == b"/a%0D%0AX:%20y/"


@pytest.mark.parametrize("target", [
    b"/.env", b"/css/.hidden/a", b"/.well-known/.key", b"/%2eenv", b"/.well-known-not/a",
    b"/css/.well-known/a"])
def test_dotfiles_are_404(site, target):
    for name in ("css/.hidden", ".well-known-not", "css/.well-known"):
        (site / name).mkdir()
        (site / name / "a").write_bytes(b"dotted")
    assert ask(make_static(site), target).status == 404
    assert ask(make_static(site, hidden=True), target).status == 200


def test_well_known_is_never_hidden(site):
    assert ask(make_static(site), b"/.well-known/security.txt").body == b"Contact: us"
    static = make_static(site / ".well-known", b"/.well-known/")
    assert ask(static, b"/.well-known/security.txt").status == 200


def test_conditional_request_is_304_from_disk_and_from_memory(site):
    static = make_static(site, max_age=60.0)
    etag = ask(make_static(site), b"/css/a.css").field(b"etag")
    for _ in range(2):
        answer = ask(static, b"/css/a.css", [(b"If-None-Match", etag)])
        assert (answer.status, answer.body) == (304, b"")
        assert answer.field(b"etag") == etag
        assert answer.field(b"cache-control") == b"max-age=60"
        assert answer.field(b"content-length") is None
        assert answer.field(b"content-type") is None


def test_failed_precondition_is_412(site):
    answer = ask(make_static(site), b"/css/a.css", [(b"If-Match", b'"other"')])
    assert (answer.status, answer.body) == (412, b"")


def test_range_is_206(site):
    answer = ask(make_static(site), b"/css/a.css", [(b"Range", b"bytes=1-3")])
    assert (answer.status, answer.body) == (206, b"ody")
    assert answer.field(b"content-range") == b"bytes 1-3/7"
    assert answer.field(b"content-length") == b"3"
    assert answer.field(b"content-type") == b"text/css; charset=utf-8"


def test_range_that_cannot_be_is_416(site):
    answer = ask(make_static(site), b"/css/a.css", [(b"Range", b"bytes=7-")])
    assert (answer.status, answer.field(b"content-range"), answer.body) == (416, b"bytes */7", b"")


def test_range_is_ignored_for_head(site):
    answer = ask(make_static(site), b"/css/a.css", [(b"Range", b"bytes=1-3")], method=b"HEAD")
    assert (answer.status, answer.field(b"content-length")) == (200, b"7")


def test_range_of_another_state_is_the_whole(site):
    answer = ask(make_static(site), b"/css/a.css", [(b"Range", b"bytes=1-3"), (b"If-Range", b'"old"')])
    assert (answer.status, answer.body) == (200, b"body {}")


def test_if_range_takes_a_date_once_the_file_is_at_rest(site, settled):
    modified = formatdate((site / "css" / "a.css").stat().st_mtime, usegmt=True).encode()
    fields = [(b"Range", b"bytes=1-3"), (b"If-Range", modified)]
    assert ask(make_static(site), b"/css/a.css", fields).status == 206


def test_if_range_takes_no_date_of_a_file_just_written(site):
    modified = formatdate((site / "css" / "a.css").stat().st_mtime, usegmt=True).encode()
    fields = [(b"Range", b"bytes=1-3"), (b"If-Range", modified)]
    assert ask(make_static(site), b"/css/a.css", fields).status == 200


def test_last_modified_is_never_in_the_future(site):
    os.utime(site / "css" / "a.css", (2**33, 2**33))
    answer = ask(make_static(site), b"/css/a.css")
    assert b" 2242 " not in answer.field(b"last-modified")


@pytest.mark.parametrize("moment", [0, 1, 315532800, OLDEST])
def test_a_time_that_a_build_gives_to_all_files_is_not_told(site, settled, moment):
    """A build that comes out the same each time; the next one has files of the same size and time."""
    path = site / "css" / "a.css"
    os.utime(path, (moment, moment))
    first = ask(make_static(site), b"/css/a.css")
    assert first.field(b"last-modified") is None
    path.write_bytes(b"BODY {}")
    os.utime(path, (moment, moment))
    tag = b"If-None-Match", first.field(b"etag")
    since = b"If-Modified-Since", b"Sun, 06 Nov 2044 08:49:37 GMT"
    for field in (tag, since, (b"If-Unmodified-Since", b"Sun, 06 Nov 1960 08:49:37 GMT")):
        again = ask(make_static(site), b"/css/a.css", [field])
        assert (again.status, again.body) == (200, b"BODY {}")
    part = [(b"Range", b"bytes=1-3"), (b"If-Range", formatdate(moment, usegmt=True).encode())]
    assert ask(make_static(site), b"/css/a.css", part).status == 200


def test_the_same_octets_have_the_same_tag_whatever_their_time(site):
    os.utime(site / "css" / "a.css", (10**9, 10**9))
    (site / "b.css").write_bytes(b"body {}")
    tags = {ask(make_static(site), target).field(b"etag") for target in (b"/css/a.css", b"/b.css")}
    assert len(tags) == 1


def test_root_that_goes_and_comes_back(site):
    static = make_static(site)
    aside = site.with_name("aside")
    assert ask(static, b"/css/a.css").status == 200
    site.rename(aside)
    assert ask(static, b"/css/a.css", started=2.0).status == 404
    shutil.copytree(aside, site)
    (site / "css" / "a.css").write_bytes(b"new")
    assert ask(static, b"/css/a.css", started=4.0).body == b"new"


def test_no_descriptor_is_left_open(site):
    static = make_static(site)
    for target in (b"/css/a.css", b"/css", b"/", b"/css/", b"/nothing", b"/css/a.css/x", b"/.env"):
        ask(static, target)
    assert descriptors(site) == []
