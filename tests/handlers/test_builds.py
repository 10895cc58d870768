import json
import logging
import shutil

import pytest

from proxy.handlers.beneath import Root
from proxy.handlers.builds import PATIENCE, Builds


class Watched(Builds):
    """Notes when it reads and keeps."""

    def __init__(self, worked, *args, **options):
        super().__init__(*args, **options)
        self.worked = worked

    def _read(self):
        self.worked.append("read")
        super()._read()

    def _keep(self, kept):
        self.worked.append("keep")
        super()._keep(kept)


class Deploys:
    """Releases of a site, with `current` at one of them, and the work that a thread has not done yet."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "current" / "static"
        self.manifest = self.root / "staticfiles.json"
        self.keep = folder / "keep"
        self.keep.mkdir()
        self.todo = []
        self.worked = []
        self.now = 0.0

    def release(self, number, *hashes):
        """A build whose files are `app.HASH.js`, all at once."""
        folder = self.folder / "releases" / str(number)
        static = folder / "static"
        static.mkdir(parents=True)
        for mark in hashes:
            (static / f"app.{mark}.js").write_text(f"build {mark}")
        paths = {f"app{place}.js": f"app.{mark}.js" for place, mark in enumerate(hashes)}
        (static / "staticfiles.json").write_text(json.dumps({"paths": paths, "version": "1.1", "hash": ""}))
        self.go_to(number)

    def go_to(self, number):
        link = self.folder / "next"
        link.symlink_to(f"releases/{number}")
        link.rename(self.folder / "current")

    def builds(self, *, keep=True, manifests=None):
        keep = self.keep if keep else None
        return Watched(self.worked, manifests or [self.manifest], self.root, keep, submit=self.todo.append)

    def tick(self, builds, *, seconds=1.0):
        """A second later, with what a thread has to do done; what that was, besides looking."""
        self.now += seconds
        self.worked.clear()
        if not builds.loaded:
            builds.load()
        builds.refresh(self.now)
        while self.todo:
            self.todo.pop(0)()
        return list(self.worked)


@pytest.fixture
def deploys(tmp_path):
    return Deploys(tmp_path)


def app(mark):
    return f"app.{mark}.js".encode()


def text_of(root: Root, name):
    with root.open([name]) as file, open(file.fd, closefd=False) as stream:
        return stream.read()


def test_first_look_reads_at_once(deploys):
    deploys.release(1, "aaa")
    builds = deploys.builds(keep=False)
    assert not builds.is_immutable(app("aaa"))
    assert not builds.loaded
    builds.load()
    assert builds.loaded
    assert builds.is_immutable(app("aaa"))
    assert app("aaa") in builds
    assert not builds.is_immutable(b"app.js")
    assert not builds.is_immutable(b"staticfiles.json")
    assert builds.kept_root is None
    assert deploys.todo == []


def test_without_a_manifest_nothing_is(deploys):
    builds = Builds([], deploys.root, None, submit=deploys.todo.append)
    assert builds.loaded
    assert deploys.tick(builds) == []
    assert not builds.is_immutable(app("aaa"))
    assert builds.generation == 0


def test_nothing_is_done_while_nothing_changes(deploys):
    deploys.release(1, "aaa")
    builds = deploys.builds()
    deploys.tick(builds)
    generation = builds.generation
    assert [deploys.tick(builds) for _ in range(5)] == [[]] * 5
    assert builds.generation == generation
    builds.refresh(deploys.now + 0.5)  # not due
    assert deploys.todo == []


def test_the_loop_asks_no_disk(deploys, monkeypatch):
    deploys.release(1, "aaa")
    builds = deploys.builds()
    builds.load()
    with monkeypatch.context() as patch:
        for call in ("os.stat", "load"):
            patch.setattr(f"proxy.handlers.builds.{call}", lambda *args: pytest.fail("on the loop"))
        deploys.release(2, "bbb")
        builds.refresh(1.0)
    deploys.todo.pop()()
    assert app("bbb") in builds


def test_deploy_is_noticed_and_old_names_stay_immutable(deploys):
    deploys.release(1, "aaa", "same")
    builds = deploys.builds(keep=False)
    deploys.tick(builds)
    deploys.release(2, "bbb", "same")
    before = builds.generation
    assert deploys.tick(builds) == ["read"]
    assert builds.generation == before + 1
    assert all(name in builds for name in (app("aaa"), app("bbb"), app("same")))
    for number, mark in enumerate(("ccc", "ddd"), 3):
        deploys.release(number, mark)
        deploys.tick(builds)
    assert app("aaa") not in builds
    assert all(app(mark) in builds for mark in ("bbb", "ccc", "ddd", "same"))


def test_files_of_the_previous_build_are_there_when_its_release_is_gone(deploys):
    deploys.release(1, "aaa")
    builds = deploys.builds()
    deploys.tick(builds)
    deploys.release(2, "bbb")
    shutil.rmtree(deploys.folder / "releases" / "1")
    assert app("aaa") in builds
    assert text_of(builds.kept_root, app("aaa")) == "build aaa"
    deploys.tick(builds)
    assert app("aaa") in builds
    assert text_of(builds.kept_root, app("aaa")) == "build aaa"
    assert text_of(builds.kept_root, app("bbb")) == "build bbb"


def test_restart_knows_the_builds_before(deploys):
    for number, mark in enumerate(("aaa", "bbb"), 1):
        deploys.release(number, mark)
        deploys.tick(deploys.builds())
    later = deploys.builds()
    later.load()
    assert app("aaa") in later
    assert app("bbb") in later
    assert text_of(later.kept_root, app("aaa")) == "build aaa"


def test_what_another_worker_kept_is_known(deploys):
    deploys.release(1, "aaa")
    one = deploys.builds()
    deploys.tick(one)
    deploys.release(2, "bbb")
    other = deploys.builds()  # started when the first build was gone
    deploys.tick(other)
    assert app("aaa") in other
    deploys.release(3, "ccc")
    deploys.tick(one)  # has not seen the second, and finds it in the folder
    assert app("bbb") in one


def test_rollback(deploys):
    for number, mark in enumerate(("aaa", "bbb"), 1):
        deploys.release(number, mark)
    builds = deploys.builds()
    deploys.tick(builds)
    deploys.go_to(1)
    deploys.tick(builds)
    assert app("aaa") in builds
    assert app("bbb") in builds
    assert text_of(builds.kept_root, app("aaa")) == "build aaa"


@pytest.mark.parametrize("damage, said", [
    (lambda file: file.unlink(), "No such file"),
    (lambda file: file.write_text("{"), "is not JSON"),
    (lambda file: file.write_text('{"a": 1}'), "is no manifest of"),
    (lambda file: (file.unlink(), file.mkdir()), "Is a directory"),
])
def test_manifest_that_cannot_be_read_is_one_line_and_changes_nothing(deploys, caplog, damage, said):
    deploys.release(1, "aaa")
    builds = deploys.builds()
    deploys.tick(builds)
    damage(deploys.manifest)
    for _ in range(5):
        deploys.tick(builds)
    assert app("aaa") in builds
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert said in record.getMessage()
    assert str(deploys.manifest) in record.getMessage()


def test_manifest_may_come_later(deploys, caplog):
    deploys.release(1, "aaa")
    aside = deploys.folder / "aside"
    deploys.manifest.rename(aside)
    builds = deploys.builds()
    for _ in range(3):
        deploys.tick(builds)
    assert len(caplog.records) == 1
    aside.rename(deploys.manifest)
    deploys.tick(builds)
    assert app("aaa") in builds
    assert text_of(builds.kept_root, app("aaa")) == "build aaa"


def test_file_that_is_written_after_its_manifest_is_kept_too(deploys):
    deploys.release(1, "aaa")
    late = deploys.root / "app.aaa.js"
    late.unlink()
    builds = deploys.builds()
    deploys.tick(builds)
    assert not (deploys.keep / "app.aaa.js").exists()
    late.write_text("late")
    assert deploys.tick(builds) == ["keep"]
    assert text_of(builds.kept_root, app("aaa")) == "late"
    assert deploys.tick(builds) == []


def test_file_that_never_comes_is_not_waited_for_for_ever(deploys):
    deploys.release(1, "aaa")
    (deploys.root / "app.aaa.js").unlink()
    builds = deploys.builds()
    deploys.tick(builds)
    assert deploys.tick(builds) == ["keep"]
    assert deploys.tick(builds, seconds=PATIENCE) == []


def test_several_manifests_are_one_site(deploys):
    deploys.release(1, "aaa")
    vite = deploys.root / "vite" / ".vite" / "manifest.json"
    vite.parent.mkdir(parents=True)
    vite.write_text(json.dumps({"main.ts": {"file": "assets/main-BRBmoGS9.js", "src": "main.ts"}}))
    builds = deploys.builds(keep=False, manifests=[deploys.manifest, vite])
    deploys.tick(builds)
    assert app("aaa") in builds
    assert b"vite/assets/main-BRBmoGS9.js" in builds


def test_folder_that_cannot_be_written_to_is_one_line(deploys, caplog):
    deploys.release(1, "aaa")
    builds = deploys.builds()
    deploys.keep.rmdir()
    for _ in range(3):
        deploys.tick(builds)
    assert app("aaa") in builds
    assert ["builds cannot be kept" in record.getMessage() for record in caplog.records] == [True]


def test_one_thread_at_a_time(deploys):
    deploys.release(1, "aaa")
    builds = deploys.builds()
    builds.load()
    builds.refresh(0.0)
    deploys.release(2, "bbb")
    builds.refresh(5.0)
    assert len(deploys.todo) == 1
    deploys.todo.pop()()
    builds.refresh(6.0)
    assert len(deploys.todo) == 1


def test_defect_of_ours_is_logged_and_does_not_end_it(deploys, caplog, monkeypatch):
    deploys.release(1, "aaa")
    builds = deploys.builds(keep=False)
    deploys.tick(builds)
    monkeypatch.setattr("proxy.handlers.builds.load", lambda path, root: 1 / 0)
    deploys.release(2, "bbb")
    deploys.tick(builds)
    assert "what a thread was to do failed" in caplog.text
    monkeypatch.undo()
    deploys.release(3, "ccc")
    deploys.tick(builds)
    assert app("ccc") in builds
