"""A folder shown by the real proxy: to a browser, and to a program."""

import os
from urllib.parse import urljoin

import pytest
import requests

from tests.browser import chromium
from tests.scenarios.support import PATIENCE

YAML = "routes: [{match: {path: /files/*}, static: {root: '%s', listing: true, hide: ['*.secret']}}]"
NAMES = (
    "<img src=x onerror=document.title='ran'>", "\"onmouseover=alert(1) '", "a?b#c", "%41", "two  spaces",
    "Öl & Wärme.txt", "日本", "line\nbreak", "-", "~", "+", "a;b", "&lt;")
LINKS = "[...document.querySelectorAll('td a')].map(link => [link.href, link.innerText])"


@pytest.fixture
def site(stage, tmp_path):
    """The URL of a folder full of odd names, each file holding its own."""
    root = tmp_path / "site"
    folder = root / "x" / "y z"
    folder.mkdir(parents=True)
    for name in map(os.fsencode, (*NAMES, ".hidden", "key.secret", "back\\slash")):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(name)
    with open(os.path.join(os.fsencode(folder), b"\xff\xfe"), "wb") as file:
        file.write(b"\xff\xfe")
    (folder / "sub").mkdir()
    return f"http://127.0.0.1:{stage.proxy(YAML % root).port}/files/x/y%20z/"


@pytest.mark.program("chromium")
def test_a_browser_shows_odd_names_and_runs_none_of_them(site, tmp_path):
    with chromium(tmp_path / "profile") as page:
        page.load(site)
        complaints = [event["params"] for event in page.events if event["method"] == "Log.entryAdded"]
        links = page.evaluate(LINKS)
        title, rounded = page.evaluate(
            "[document.title, getComputedStyle(document.querySelector('table')).borderRadius]")
    assert complaints == []
    assert (title, rounded) == ("/files/x/y z/", "12px")  # no name ran, and the policy lets the style be
    shown = {text for _, text in links}
    assert {"Parent folder", "sub/", "\ufffd\ufffd", "Öl & Wärme.txt", "two  spaces"} <= shown
    assert {url.rpartition("/")[0] for url, text in links if text != "Parent folder"} >= {site.rstrip("/")}
    files = [url for url, text in links if not text.endswith("/") and text != "Parent folder"]
    contents = {requests.get(url, timeout=PATIENCE).content for url in files}
    assert contents == {*map(os.fsencode, NAMES), b"\xff\xfe"}


def test_a_program_gets_json_and_can_sort_it(site):
    fields = {"Accept": "application/json"}
    answer = requests.get(site + "?sort=size&order=desc", headers=fields, timeout=PATIENCE)
    assert answer.headers["Content-Type"] == "application/json"
    assert "Accept" in answer.headers["Vary"]
    listed = answer.json()
    assert (listed["path"], listed["truncated"]) == ("/files/x/y z/", False)
    assert listed["entries"][0]["name"] == "sub"
    sizes = [entry["size"] for entry in listed["entries"][1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert {entry["name"] for entry in listed["entries"]} == {*NAMES, "sub", "\ufffd\ufffd"}
    assert requests.get(site + "?format=json", timeout=PATIENCE).json()["entries"] != listed["entries"]


def test_the_way_there(site):
    assert requests.get(site.rstrip("/"), timeout=PATIENCE).url == site
    assert "y z" in requests.get(urljoin(site, ".."), timeout=PATIENCE).text
    assert requests.get(site + "sub/", timeout=PATIENCE).text.count("This folder is empty.") == 1
    assert requests.get(site + "nowhere/", timeout=PATIENCE).status_code == 404
    assert requests.get(site + ".hidden", timeout=PATIENCE).status_code == 404
