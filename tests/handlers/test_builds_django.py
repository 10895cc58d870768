"""The real thing: what `collectstatic` writes, deploy after deploy."""

import json
import os
import subprocess
import sys

import pytest

from proxy.handlers.builds import Builds

SETTINGS = """\
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = {root!r}
STATICFILES_DIRS = [{sources!r}]
STORAGES = {{"staticfiles": {{"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}}}
"""


@pytest.fixture
def collect(tmp_path):
    """Changes a source and collects all of them into the root, as a deploy does."""
    sources, root = tmp_path / "sources", tmp_path / "root"
    (sources / "css").mkdir(parents=True)
    (sources / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "settings.py").write_text(SETTINGS.format(root=str(root), sources=str(sources)))

    def collect(text, *options):
        (sources / "css/app.css").write_text(f"body {{ background: url(../logo.svg) }} /* {text} */")
        command = [sys.executable, "-m", "django", "collectstatic", "--noinput", *options]
        environ = {**os.environ, "PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "settings"}
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60, env=environ)
        paths = json.loads((root / "staticfiles.json").read_text())["paths"]
        return {source: name.encode() for source, name in paths.items()}

    return collect


def test_collectstatic_again_and_again(collect, tmp_path):
    root, keep = tmp_path / "root", tmp_path / "keep"
    keep.mkdir()
    first = collect("one")
    assert set(first) == {"css/app.css", "logo.svg"}
    todo = []
    builds = Builds([root / "staticfiles.json"], root, keep, submit=todo.append)

    builds.load()

    def tick(now):
        builds.refresh(now)
        while todo:
            todo.pop()()

    tick(0.0)
    assert all(name in builds for name in first.values())
    # Django leaves each source's own name beside the hashed one; that is never immutable.
    assert (root / "css/app.css").exists()
    assert not builds.is_immutable(b"css/app.css")

    second = collect("two", "--clear")
    assert second["logo.svg"] == first["logo.svg"]
    old, new = first["css/app.css"], second["css/app.css"]
    assert old != new
    assert not (root / old.decode()).exists()
    tick(2.0)
    assert all(name in builds for name in (old, new, first["logo.svg"]))
    with builds.kept_root.open(old.split(b"/")) as file:
        assert b"/* one */" in os.pread(file.fd, 1000, 0)
