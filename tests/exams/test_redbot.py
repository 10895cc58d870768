"""REDbot about what `static:` serves: a page, an image, and a script that is compressed on its way."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.support import ROOT, Stage

SITE = ROOT / "proxy" / "demo" / "site" / "static"
PAGE = "<!DOCTYPE html>\n<html lang=en>\n<title>A page</title>\n" + "<p>Nothing to see here.</p>\n" * 40
YAML = """
routes:
  - static:
      root: %s
      max_age: 5m
      cache:
        - {files: "*.html", control: no-cache}
        - {files: "js/*", max_age: 365d, immutable: true}
"""
# That the checks were made, and what came of them.
CHECKED = {"INM_304", "IMS_304", "RANGE_CORRECT"}
PROVEN = {
    "/": CHECKED | {"FRESHNESS_NO_CACHE", "CONNEG_GZIP_GOOD"},
    "/img/mark.png": CHECKED | {"FRESHNESS_FRESH"},
    "/js/shop.js": CHECKED | {"FRESHNESS_FRESH", "CONNEG_GZIP_GOOD"},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The URL of a proxy before a folder of files."""
    folder = tmp_path_factory.mktemp("redbot")
    root = folder / "site"
    for name in ("js/shop.js", "img/mark.png"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes((SITE / name).read_bytes())
    (root / "index.html").write_text(PAGE)
    with Stage(folder) as stage:
        yield f"http://127.0.0.1:{stage.proxy(YAML % root).port}"


def notes_on(url):
    command = [sys.executable, str(Path(__file__).with_name("redbot_notes.py")), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [tuple(note) for note in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def notes(site):
    """Path -> the notes on it."""
    return {path: notes_on(site + path) for path in PROVEN}


@pytest.mark.parametrize("path", PROVEN)
def test_redbot_finds_nothing_wrong(notes, path):
    wrong = [note for note in notes[path] if note[1] in ("warning", "bad")]
    assert wrong == []
    assert names(notes[path]) >= PROVEN[path]


def names(notes):
    return {name for _, _, name, _ in notes}
