import json
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.handlers import listing
from proxy.handlers.listing import Entry, Listing, decoded, iso, listing_json, order_of, scan, wants_json

BOTH = [Entry(b"b", True, 4096, 0), Entry(b"a", False, 7, 1_700_000_000)]


def is_dot(name):
    return name.startswith(b".")


@pytest.fixture
def folder(tmp_path):
    """Four files and two folders; sizes and times run against the names."""
    for place, name in enumerate(("b.txt", "A.txt", "c.txt", "a.txt")):
        (tmp_path / name).write_bytes(b"x" * (10 - place))
        os.utime(tmp_path / name, (1000 + place, 1000 + place))
    for name in ("zoo", "Yard"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def listed():
    """scan() by a path; the handle is closed after the test."""
    handles = []

    def listed_folder(path, query=b"", hide=is_dot, **options):
        handles.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
        return scan(handles[-1], hide, order_of(query), **options)

    yield listed_folder
    for fd in handles:
        os.close(fd)


def names(found):
    return [entry.name for entry in found.entries]


@pytest.mark.parametrize("query, files", [
    (b"", [b"A.txt", b"a.txt", b"b.txt", b"c.txt"]),
    (b"sort=name&order=asc", [b"A.txt", b"a.txt", b"b.txt", b"c.txt"]),
    (b"order=desc", [b"c.txt", b"b.txt", b"a.txt", b"A.txt"]),
    (b"sort=size", [b"a.txt", b"c.txt", b"A.txt", b"b.txt"]),
    (b"sort=size&order=desc", [b"b.txt", b"A.txt", b"c.txt", b"a.txt"]),
    (b"sort=modified", [b"b.txt", b"A.txt", b"c.txt", b"a.txt"]),
    (b"sort=modified&order=desc", [b"a.txt", b"c.txt", b"A.txt", b"b.txt"]),
    (b"sort=owner&order=sideways&x=%00", [b"A.txt", b"a.txt", b"b.txt", b"c.txt"]),
])
def test_directories_stand_first_in_every_order(folder, listed, query, files):
    found = listed(folder, query)
    assert set(names(found)[:2]) == {b"zoo", b"Yard"}
    assert names(found)[2:] == files
    assert not found.truncated


def test_directories_have_no_size_to_sort_by(folder, listed):
    assert names(listed(folder, b"sort=size&order=desc"))[:2] == [b"Yard", b"zoo"]


def test_an_entry_says_what_the_file_is(folder, listed):
    assert listed(folder).entries[2] == Entry(b"A.txt", False, 9, 1001)


def test_what_is_hidden_is_not_there(folder, listed):
    (folder / ".env").write_text("secret")
    found = listed(folder, hide=lambda name: is_dot(name) or name.endswith(b".txt"))
    assert names(found) == [b"Yard", b"zoo"]


def test_only_files_and_directories_are_listed(folder, listed):
    os.mkfifo(folder / "fifo")
    (folder / "back\\slash").write_bytes(b"no URL leads here")
    assert not {b"fifo", b"back\\slash"} & set(names(listed(folder)))


def test_links_are_asked_about(folder, listed):
    (folder / "in").symlink_to("zoo")
    (folder / "out").symlink_to("/etc")
    (folder / "near.txt").symlink_to("b.txt")
    asked = []

    def link(name):
        asked.append(name)
        if name == b"out":
            raise FileNotFoundError
        return os.stat(folder / os.fsdecode(name))

    found = listed(folder, link=link)
    assert sorted(asked) == [b"in", b"near.txt", b"out"]
    assert [(entry.name, entry.is_directory) for entry in found.entries] == [
        (b"in", True), (b"Yard", True), (b"zoo", True), (b"A.txt", False), (b"a.txt", False),
        (b"b.txt", False), (b"c.txt", False), (b"near.txt", False)]
    assert next(entry.size for entry in found.entries if entry.name == b"near.txt") == 10


def test_links_may_be_followed_wherever_they_lead(folder, listed, tmp_path_factory):
    away = tmp_path_factory.mktemp("away")
    os.mkfifo(away / "fifo")
    (folder / "away").symlink_to(away)
    (folder / "pipe").symlink_to(away / "fifo")
    (folder / "nowhere").symlink_to("gone")
    assert b"away" in names(listed(folder))
    assert not {b"pipe", b"nowhere"} & set(names(listed(folder)))


def test_names_are_octets(folder, listed):
    name = b"\xff" + "é".encode()
    os.close(os.open(os.fsencode(folder) + b"/" + name, os.O_CREAT | os.O_WRONLY))
    assert name in names(listed(folder))


@pytest.mark.parametrize("query", [b"", b"sort=modified"])
def test_what_goes_while_we_look_is_left_out(folder, listed, query):
    def vanish(name):
        (folder / "b.txt").unlink(missing_ok=True)
        return False

    assert b"b.txt" not in names(listed(folder, query, hide=vanish))


@pytest.mark.parametrize("query", [b"", b"order=desc", b"sort=size", b"sort=modified&order=desc"])
def test_the_first_of_many_are_the_first_of_all(folder, listed, monkeypatch, query):
    for number in range(60):
        (folder / f"{number:02}").write_bytes(b"x" * random.Random(number).randrange(50))
    every = names(listed(folder, query))
    monkeypatch.setattr(listing, "SHOWN", 20)
    some = listed(folder, query)
    assert names(some) == every[:20]
    assert some.truncated


def test_exactly_as_many_as_are_shown_is_all(folder, listed, monkeypatch):
    monkeypatch.setattr(listing, "SHOWN", 6)
    assert len(listed(folder).entries) == 6
    assert not listed(folder).truncated


def test_no_more_names_are_read_than_stated(folder, listed, monkeypatch):
    monkeypatch.setattr(listing, "SEEN", 3)
    read = []
    found = listed(folder, hide=read.append)
    assert (len(read), len(found.entries), found.truncated) == (3, 3, True)


def test_a_handle_can_be_listed_twice(folder):
    fd = os.open(folder, os.O_RDONLY)
    assert scan(fd, is_dot) == scan(fd, is_dot)
    os.close(fd)


def test_a_directory_that_was_deleted_is_empty(folder, listed):
    empty = folder / "zoo"
    fd = os.open(empty, os.O_RDONLY)
    empty.rmdir()
    assert scan(fd, is_dot) == Listing([], False)
    os.close(fd)


@pytest.mark.parametrize("accept, expected", [
    (None, False),
    (b"", False),
    (b"*/*", False),
    (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
    (b"application/json", True),
    (b"application/json, text/plain, */*", True),
    (b"application/json, text/html", False),
    (b"text/html;q=0.5, application/json;q=0.6", True),
    (b"Application/JSON ; charset=utf-8 ; Q=0.9, text/*;q=0.8", True),
    (b"application/*", True),
    (b"application/json;q=0, */*", False),
    (b"application/json;q=nan", False),
    (b"application/json;q=-1, text/html;q=0", False),
    (b"\xff;;;,=,q=;q=1", False),
])
def test_json_is_what_accept_likes_better(accept, expected):
    assert wants_json(accept, b"sort=name") is expected


def test_the_query_counts_more_than_accept():
    assert wants_json(b"text/html", b"sort=size&format=json")
    assert not wants_json(b"application/json", b"format=html")
    assert wants_json(b"application/json", b"format=xml")


@given(st.binary(), st.binary())
def test_no_accept_and_no_query_is_too_odd(accept, query):
    assert wants_json(accept, query) in (True, False)
    assert order_of(query).by in ("name", "size", "modified")


def test_the_json_form():
    assert json.loads(listing_json(b"/x/", Listing(BOTH, True))) == {
        "path": "/x/",
        "entries": [
            {"name": "b", "type": "directory", "size": None, "modified": "1970-01-01T00:00:00Z"},
            {"name": "a", "type": "file", "size": 7, "modified": "2023-11-14T22:13:20Z"},
        ],
        "truncated": True,
    }
    assert json.loads(listing_json(b"/", Listing([], False)))["entries"] == []


@given(st.lists(st.binary(min_size=1).filter(lambda name: not {0, 47} & set(name))), st.binary())
def test_json_holds_any_name(found, path):
    entries = [Entry(name, False, 1, 1) for name in found]
    read = json.loads(listing_json(path, Listing(entries, False)))
    assert [row["name"] for row in read["entries"]] == [name.decode("utf-8", "replace") for name in found]
    assert read["path"] == path.decode("utf-8", "replace")


@pytest.mark.parametrize("seconds, expected", [
    (0, "1970-01-01T00:00:00Z"), (-5, "1970-01-01T00:00:00Z"), (2**62, "9999-12-31T23:59:59Z"),
    (1_795_356_000, "2026-11-22T14:00:00Z")])
def test_times_stay_within_a_calendar(seconds, expected):
    assert iso(seconds) == expected


def test_a_name_as_text():
    assert decoded("Öl".encode() + b"\xff") == "Öl\ufffd"
