import json
import os
from types import SimpleNamespace

from proxy.handlers.static_cache import LARGEST, OVERHEAD, Shelf
from tests.handlers.sites import ask, make_static

NEW_YEAR = 1767225600  # 2026-01-01


def refuse_to_open(*args, **options):
    raise AssertionError("the file system was asked")


def test_hot_file_is_answered_without_the_file_system(site, monkeypatch):
    static = make_static(site)
    first = ask(static, b"/css/a.css", started=5.0)
    monkeypatch.setattr(os, "open", refuse_to_open)
    monkeypatch.setattr(os, "stat", refuse_to_open)
    again = ask(static, b"/css/a.css", started=6.0)
    assert again.head is first.head
    assert again.body == first.body


def test_file_is_looked_at_again_after_a_second_and_kept(site, monkeypatch, settled):
    static = make_static(site)
    first = ask(static, b"/css/a.css", started=5.0)
    monkeypatch.setattr(os, "open", refuse_to_open)
    assert ask(static, b"/css/a.css", started=6.5).head is first.head
    monkeypatch.setattr(os, "stat", refuse_to_open)
    assert ask(static, b"/css/a.css", started=7.4).head is first.head


def test_changed_file_is_read_again(site, settled):
    static = make_static(site)
    before = ask(static, b"/css/a.css", started=5.0)
    (site / "css" / "a.css").write_bytes(b"changed")
    after = ask(static, b"/css/a.css", started=7.0)
    assert after.body == b"changed"
    assert after.field(b"etag") != before.field(b"etag")


def test_change_that_keeps_size_and_mtime_is_seen(site, settled):
    static = make_static(site)
    path = site / "css" / "a.css"
    ask(static, b"/css/a.css", started=5.0)
    times = path.stat()
    path.write_bytes(b"BODY {}")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert ask(static, b"/css/a.css", started=7.0).body == b"BODY {}"


def test_file_just_written_is_read_again_whatever_its_times_say(site, monkeypatch):
    static = make_static(site)
    ask(static, b"/css/a.css", started=5.0)
    same = os.stat(site / "css" / "a.css")
    (site / "css" / "a.css").write_bytes(b"BODY {}")
    monkeypatch.setattr(os, "stat", lambda *args, **options: same)
    assert ask(static, b"/css/a.css", started=7.0).body == b"BODY {}"


def test_last_modified_follows_a_clock_that_is_set_back(site, settled, monkeypatch):
    static = make_static(site)
    path = site / "css" / "a.css"
    os.utime(path, (NEW_YEAR, NEW_YEAR))
    before = ask(static, b"/css/a.css", started=5.0)
    earlier = SimpleNamespace(time=lambda: NEW_YEAR - 3600.0)
    for module in ("representation", "static_cache"):
        monkeypatch.setattr(f"proxy.handlers.{module}.time", earlier)
    after = ask(static, b"/css/a.css", started=7.0)
    assert before.field(b"last-modified") == b"Thu, 01 Jan 2026 00:00:00 GMT"
    assert after.field(b"last-modified") == b"Wed, 31 Dec 2025 23:00:00 GMT"
    assert after.field(b"etag") == before.field(b"etag")


def test_an_index_that_comes_before_the_one_that_was_found_is_seen(site, settled):
    (site / "css" / "index.htm").write_bytes(b"second")
    (site / "css" / "default.html").mkdir()
    static = make_static(site, index=["default.html", "index.html", "index.htm"])
    assert ask(static, b"/css/", started=5.0).body == b"second"
    assert ask(static, b"/css/", started=7.0).body == b"second"
    assert static._place.shelf.looks == 1
    (site / "css" / "index.html").write_bytes(b"first")
    assert ask(static, b"/css/", started=9.0).body == b"first"


def test_a_file_of_the_site_comes_before_the_one_that_was_kept_of_it(site, tmp_path, settled):
    keep, name = tmp_path / "keep", "app.0123456789ab.js"
    keep.mkdir()
    (site / "staticfiles.json").write_text(json.dumps({"paths": {"app.js": name}, "version": "1.1"}))
    (site / name).write_bytes(b"kept")
    static = make_static(site, manifest=[str(site / "staticfiles.json")], keep=str(keep))
    (keep / name).write_bytes(b"kept")
    (site / name).unlink()
    assert ask(static, b"/app.0123456789ab.js", started=5.0).body == b"kept"
    (site / name).write_bytes(b"its own")
    assert ask(static, b"/app.0123456789ab.js", started=7.0).body == b"its own"


def test_deleted_file_is_gone_after_a_second(site):
    static = make_static(site)
    ask(static, b"/css/a.css", started=5.0)
    (site / "css" / "a.css").unlink()
    assert ask(static, b"/css/a.css", started=5.5).status == 200
    assert ask(static, b"/css/a.css", started=6.5).status == 404
    assert static._place.entries == {}


def test_file_that_shrinks_while_it_is_read_is_sent_as_read_and_not_kept(site, monkeypatch):
    static = make_static(site)
    monkeypatch.setattr(os, "pread", lambda *args: b"bo")
    answer = ask(static, b"/css/a.css")
    assert (answer.body, answer.field(b"content-length")) == (b"bo", b"2")
    assert static._place.entries == {}


def test_largest_file_for_memory_and_the_next(site):
    static = make_static(site)
    (site / "largest").write_bytes(b"x" * LARGEST)
    (site / "larger").write_bytes(b"x" * (LARGEST + 1))
    assert len(ask(static, b"/largest").body) == LARGEST
    assert len(ask(static, b"/larger").body) == LARGEST + 1
    in_memory = {path: entry.plain.in_memory for path, entry in static._place.entries.items()}
    assert in_memory == {b"/largest": True, b"/larger": False}


def fill(site, count):
    for number in range(count):
        (site / f"{number}.bin").write_bytes(bytes(1000))


def test_shelf_drops_the_oldest_when_full(site):
    fill(site, 4)
    shelf = Shelf(3 * (1000 + OVERHEAD))
    static = make_static(site, shelf=shelf)
    for number in range(4):
        ask(static, b"/%d.bin" % number)
    assert list(static._place.entries) == [b"/1.bin", b"/2.bin", b"/3.bin"]


def test_a_shelf_that_becomes_smaller_drops_what_has_no_room(site):
    fill(site, 4)
    shelf = Shelf(4 * (1000 + OVERHEAD))
    static = make_static(site, shelf=shelf)
    for number in range(4):
        ask(static, b"/%d.bin" % number)
    shelf.resize(2 * (1000 + OVERHEAD))
    assert list(static._place.entries) == [b"/2.bin", b"/3.bin"]


def test_file_in_use_stays_longer(site, settled):
    fill(site, 4)
    static = make_static(site, shelf=Shelf(3 * (1000 + OVERHEAD)))
    for number in range(3):
        ask(static, b"/%d.bin" % number, started=0.0)
    ask(static, b"/0.bin", started=2.0)
    ask(static, b"/3.bin", started=2.0)
    assert set(static._place.entries) == {b"/0.bin", b"/2.bin", b"/3.bin"}


def test_routes_share_the_shelf(site):
    fill(site, 4)
    shelf = Shelf(3 * (1000 + OVERHEAD))
    one, other = make_static(site, shelf=shelf), make_static(site, shelf=shelf)
    for static in (one, other):
        ask(static, b"/0.bin")
        ask(static, b"/1.bin")
    assert set(one._place.entries) == {b"/1.bin"}
    assert set(other._place.entries) == {b"/0.bin", b"/1.bin"}


def test_file_larger_than_the_shelf_is_served_and_not_kept(site):
    fill(site, 1)
    static = make_static(site, shelf=Shelf(100))
    assert ask(static, b"/0.bin").status == 200
    assert static._place.entries == {}


def test_count_is_bounded_by_the_overhead_of_each(site):
    shelf = Shelf(10 * OVERHEAD)
    static = make_static(site, shelf=shelf)
    for number in range(50):
        (site / f"{number}.bin").write_bytes(b"")
        ask(static, b"/%d.bin" % number)
    assert len(static._place.entries) == 10


def test_other_spellings_are_kept_once(site):
    static = make_static(site)
    for target in (b"/css/a.css", b"//css/a.css", b"/css//a.css", b"/./css/a.css", b"/%63ss/a.css"):
        ask(static, target)
    assert list(static._place.entries) == [b"/css/a.css"]


def test_etag_is_the_same_for_every_worker(site):
    tags = {ask(make_static(site), b"/css/a.css").field(b"etag") for _ in range(2)}
    assert len(tags) == 1


def test_what_the_shelf_dropped_is_stale_for_all_and_holds_no_memory(site):
    shelf = Shelf(2 * OVERHEAD + 20)
    static = make_static(site, shelf=shelf)
    ask(static, b"/css/a.css", started=5.0)
    kept = static._place.entries[b"/css/a.css"].kept
    assert kept.fresh_until == 6.0
    assert kept.sole.body == b"body {}"
    for _ in range(3):
        (site / "other.bin").write_bytes(b"x" * 100)
        ask(static, b"/other.bin", started=5.0)
    assert (kept.fresh_until, kept.sole, kept.forms) == (0.0, None, {})
