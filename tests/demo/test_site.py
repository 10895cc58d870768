"""The bookshop alone, as any Flask site is tested."""

import hashlib
import io
import json
import re

import pytest

from proxy.demo.site import app as shop

PAGES = ["/", "/books", "/books/hop-by-hop", "/guestbook", "/upload", "/clock", "/whoami", "/nothing/here"]


@pytest.fixture
def client():
    shop.guestbook.clear()
    return shop.app.test_client()


def links(page):
    return re.findall(r'(?:href|src|action|data-clock|data-ask)="([^"#]+)"', page)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_who_answered_and_leads_nowhere_else(client, path):
    answer = client.get(path)
    assert answer.status_code == (404 if path == "/nothing/here" else 200)
    assert shop.INSTANCE in answer.text
    assert all(link.startswith("/") for link in links(answer.text))


def test_every_link_leads_somewhere(client):
    waiting, seen = {"/"}, set()
    while waiting - seen:
        path = (waiting - seen).pop()
        seen.add(path)
        with client.get(path) as answer:
            assert answer.status_code == 200, path
            if answer.mimetype == "text/html":
                waiting |= set(links(answer.text))
    assert {"/static/css/shop.css", "/static/js/shop.js", "/clock/stream", "/whoami.json"} <= seen
    assert len([path for path in seen if path.startswith("/static/img/covers/")]) == len(shop.BOOKS)


def test_the_guestbook_keeps_what_was_written_and_escapes_it(client):
    answer = client.post("/guestbook", data={"name": "Mira", "message": "<b>lovely</b>"})
    assert (answer.status_code, answer.location) == (303, "/guestbook")
    page = client.get("/guestbook").text
    assert "&lt;b&gt;lovely&lt;/b&gt;" in page
    assert "Mira" in page


def test_an_empty_entry_is_refused(client):
    assert client.post("/guestbook", data={"message": "  "}).status_code == 400
    assert "No entries yet" in client.get("/guestbook").text


def test_an_upload_is_measured_and_hashed(client):
    data = bytes(range(256)) * 1000
    page = client.post("/upload", data={"file": (io.BytesIO(data), "noise.bin")}).text
    assert "256,000 bytes" in page
    assert hashlib.sha256(data).hexdigest() in page


def test_no_file_no_upload(client):
    assert client.post("/upload", data={}).status_code == 400


def test_the_clock_ticks(client):
    with client.get("/clock/stream") as answer:
        assert answer.mimetype == "text/event-stream"
        event = next(answer.iter_encoded()).decode()
    assert json.loads(event.partition("data: ")[2])["instance"] == shop.INSTANCE


def test_it_believes_one_proxy_about_the_client(client):
    page = client.get("/whoami", headers={
        "X-Forwarded-For": "192.0.2.66, 203.0.113.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.example",
    }).text
    assert "<code>203.0.113.7</code>" in page
    assert "https://shop.example/whoami" in page


def test_it_waits_no_longer_than_it_may(client, monkeypatch):
    waited = []
    monkeypatch.setattr(shop.never, "wait", waited.append)
    for asked in ("0.5", "1e9", "-1", "nan", "soon"):
        assert client.get(f"/whoami.json?wait={asked}").status_code == 200
    assert waited == [0.5, shop.LONGEST_WAIT]
