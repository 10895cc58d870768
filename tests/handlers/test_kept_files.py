import errno
import json
import os
import threading

import pytest

from proxy.handlers import kept_files
from proxy.handlers.beneath import Root
from proxy.handlers.kept_files import KeptFiles, remember

A, B, C, D = (frozenset((f"{letter}.js".encode(), f"css/{letter}.css".encode())) for letter in "abcd")


class Site:
    def __init__(self, folder):
        self.root, self.keep = folder / "root", folder / "keep"
        self.root.mkdir()
        self.keep.mkdir()
        self.kept = KeptFiles(self.keep, Root(os.fsencode(self.root), follow=False))

    def build(self, *builds, key="m"):
        """The root has the files of these, the newest first, and no others' any more."""
        for file in [path for path in self.root.rglob("*") if path.is_file()]:
            file.unlink()
        for name in frozenset().union(*builds):
            file = self.root / name.decode()
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_bytes(name * 100)
        return self.kept.update({key: list(builds[:1])})

    @property
    def names(self):
        files = [path for path in self.keep.rglob("*") if path.is_file()]
        return {os.fsencode(path.relative_to(self.keep)) for path in files} - {b".lock", b".builds.json"}


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_newest_is_first_and_two_stay():
    assert remember([], A) == [A]
    assert remember([B, C], A) == [A, B, C]
    assert remember([B, C, D], A) == [A, B, C]
    assert remember([B, A, C], A) == [A, B, C]
    assert remember([A, B], A) == [A, B]


def test_files_outlive_two_more_builds_and_no_third(site):
    for build, names in ((A, A), (B, A | B), (C, A | B | C), (D, B | C | D)):
        site.build(build)
        assert site.names == names
        assert not (site.keep / ".new").exists()
    assert (site.keep / "b.js").read_bytes() == b"b.js" * 100


def test_what_an_old_build_has_in_common_with_a_new_one_stays(site):
    both = frozenset((b"a.js", b"lib/x.js"))
    for build in (both, B, C, frozenset((b"lib/x.js",)), D):
        site.build(build)
    assert b"lib/x.js" in site.names
    assert b"a.js" not in site.names


def test_folders_that_are_empty_go_too(site):
    for build in (frozenset((b"x/y/z.js",)), A, B, C):
        site.build(build)
    assert not (site.keep / "x").exists()
    assert (site.keep / "css").is_dir()


def test_rollback_makes_an_old_build_the_newest(site):
    for build in (A, B, A, C, D):
        site.build(build)
    assert site.names == A | C | D


def test_links_take_no_room_and_keep_the_time(site):
    site.build(A)
    assert (site.keep / "a.js").stat().st_ino == (site.root / "a.js").stat().st_ino


def test_where_links_cannot_be_files_are_copied(site, monkeypatch):
    def refuse(*args, **options):
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(kept_files.os, "link", refuse)
    site.build(A)
    kept, own = (site.keep / "a.js").stat(), (site.root / "a.js").stat()
    assert kept.st_ino != own.st_ino
    assert (kept.st_mtime_ns, kept.st_size) == (own.st_mtime_ns, own.st_size)
    assert (site.keep / "a.js").read_bytes() == b"a.js" * 100


def test_copy_of_a_file_that_grew_is_made_again(site, monkeypatch):
    monkeypatch.setattr(kept_files.os, "link", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        site.build(A)
    (site.keep / "a.js").write_bytes(b"a.")  # as it was when the build had written so much of it
    monkeypatch.undo()
    site.build(A)
    assert (site.keep / "a.js").read_bytes() == b"a.js" * 100


def test_sidecars_come_and_go_with_their_files(site):
    (site.root / "a.js.br").write_bytes(b"br")
    (site.root / "a.js").write_bytes(b"a")
    site.kept.update({"m": [frozenset((b"a.js",))]})
    assert site.names == {b"a.js", b"a.js.br"}
    for build in (B, C, D):
        site.build(build)
    assert site.names == B | C | D


def test_it_says_whether_all_files_are_there(site):
    (site.root / "a.js").write_bytes(b"a")
    assert site.kept.update({"m": [A]}) == ({"m": [A]}, False)
    (site.root / "css").mkdir()
    (site.root / "css/a.css").write_bytes(b"a")
    assert site.kept.update({"m": [A]}) == ({"m": [A]}, True)
    (site.root / "css/a.css").unlink()
    assert site.kept.update({"m": [A]}) == ({"m": [A]}, True), "it is kept"


def test_links_that_leave_the_root_are_not_followed(site, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (site.root / "a.js").symlink_to(tmp_path / "secret")
    assert site.kept.update({"m": [frozenset((b"a.js",))]})[1] is False
    assert site.names == set()


def test_link_below_the_root_is_kept_as_its_file(site):
    (site.root / "real.js").write_bytes(b"real")
    (site.root / "a.js").symlink_to("real.js")
    site.kept.update({"m": [frozenset((b"a.js",))]})
    assert not (site.keep / "a.js").is_symlink()
    assert (site.keep / "a.js").read_bytes() == b"real"


def test_foreign_files_are_left_alone(site):
    (site.keep / "notes.txt").write_text("mine")
    for build in (A, B, C, D):
        site.build(build)
    assert (site.keep / "notes.txt").read_text() == "mine"


def test_manifests_do_not_push_each_other_out(site):
    site.build(A, key="one")
    site.build(B, key="two")
    site.build(C, key="two")
    site.build(D, key="two")
    assert site.names == A | B | C | D
    assert site.kept.read() == {"one": [A], "two": [D, C, B]}


def test_manifest_that_was_never_read_changes_nothing(site):
    site.build(A)
    assert site.kept.update({"m": [], "other": []}) == ({"m": [A], "other": []}, True)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"m": 1}', '{"m": [1]}', "null"])
def test_list_that_is_broken_is_written_anew(site, caplog, text):
    site.build(A)
    (site.keep / ".builds.json").write_text(text)
    assert site.kept.read() == {}
    assert len(caplog.records) == 1
    site.build(B)
    assert site.kept.read() == {"m": [B]}
    assert site.names == A | B


def test_list_cannot_name_what_is_elsewhere(site, tmp_path):
    (tmp_path / "victim").write_text("x")
    names = ["../victim", "/etc/passwd", ".lock", "a.js"]
    (site.keep / ".builds.json").write_text(json.dumps({"m": [names]}))
    assert site.kept.read() == {"m": [frozenset((b"a.js",))]}
    for build in (B, C, D):
        site.build(build)
    assert (tmp_path / "victim").exists()


def test_crash_between_two_steps_is_mended(site, monkeypatch):
    """Wherever it stops, doing it again comes to the same."""
    site.build(A)
    replace = os.replace
    for step in range(6):  # the list, and five files
        left = [replace] * step
        monkeypatch.setattr(kept_files.os, "replace", lambda *args, left=left: left.pop()(*args))
        build = frozenset(f"{step}/{number}.js".encode() for number in range(5))
        with pytest.raises(IndexError):
            site.build(build)
        monkeypatch.undo()
        site.build(build)
        assert build <= site.names
        assert not (site.keep / ".new").exists()
    stored = site.kept.read()["m"]
    assert site.names == frozenset().union(*stored)
    assert len(stored) == 3


def test_many_at_the_same_time_agree(site):
    """As workers that are started together."""
    names = frozenset(f"{number % 7}/{number}.js".encode() for number in range(200))
    for name in names:
        file = site.root / name.decode()
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(name)
    results = []

    def work():
        kept = KeptFiles(site.keep, Root(os.fsencode(site.root), follow=False))
        results.append(kept.update({"m": [names]}))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [({"m": [names]}, True)] * 6
    assert site.names == names
