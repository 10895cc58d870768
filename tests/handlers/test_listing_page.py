import base64
import hashlib
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.handlers.listing import Entry, Listing, Order
from proxy.handlers.listing_page import POLICY, STYLE, human, listing_page

NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: not {0, 47} & set(name))
BASE = "http://a.example/files/x/"


class Reader(HTMLParser):
    """What a page holds: tags with attributes, text, and the links with their text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self._link = None
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "a":
            self._link = [dict(attrs)["href"], ""]

    def handle_endtag(self, tag):
        if tag == "a":
            self.links.append(tuple(self._link))
            self._link = None

    def handle_data(self, data):
        self.text += data
        if self._link:
            self._link[1] += data


def page_of(*entries, order=Order(), path=b"/files/x/", prefix=b"/files/", truncated=False):  # noqa: B008
    return Reader(listing_page(path, Listing(list(entries), truncated), order, prefix))


def file(name, size=1, modified=0):
    return Entry(name, False, size, modified)


def folder(name):
    return Entry(name, True, 4096, 0)


def kinds(reader):
    return [(tag, tuple(sorted(attrs))) for tag, attrs in reader.tags]


def without_crumbs(found):
    return [kind for kind in found if kind not in (("a", ("href",)), ("bdi", ()), ("i", ()))]


HARMLESS = kinds(page_of(file(b"a"), folder(b"a")))


@pytest.mark.parametrize("name", [
    b"<script>alert(1)<script>", b"\"onx=alert(1) '", b"&lt;b&gt;", b"javascript:alert(1)", b"a?b#c",
    b"%3Cb%3E", b"</a></td></table><img src=x onerror=alert(1)>", b"..%2f..%2f", b" ", b"-", b"\xff\xfe",
    "日本".encode(), b"//evil.example", b"line\nbreak"])
def test_a_name_is_text_and_a_link_and_nothing_else(name):
    name = name.replace(b"/", b"")
    page = page_of(file(name), folder(name))
    assert kinds(page) == HARMLESS
    (to_file, _), (to_folder, _) = page.links[-2:]
    assert urljoin(BASE, to_file) == BASE + to_file
    assert unquote_to_bytes(to_file) == name
    assert unquote_to_bytes(to_folder) == name + b"/"


@given(NAMES, st.binary(max_size=40))
@example(b"\xc3", b"/a/<b>/")
def test_no_name_and_no_path_breaks_out(name, path):
    page = page_of(file(name), folder(name), path=b"/files/x/" + path.replace(b"/", b"") + b"/")
    # One step deeper there is one more link above, and nothing else.
    assert without_crumbs(kinds(page)) == without_crumbs(HARMLESS)
    assert unquote_to_bytes(page.links[-2][0]) == name


def test_a_name_cannot_mislead():
    assert page_of(file("gpj.\u202eexe".encode())).links[-1][1] == "gpj.\ufffdexe"
    assert page_of(file(b"a\xffb\x1b[1m")).links[-1][1] == "a\ufffdb\ufffd[1m"
    assert page_of(file("Ärger & Öl".encode())).links[-1][1] == "Ärger & Öl"


def test_a_name_with_a_colon_is_no_scheme():
    assert page_of(file(b"javascript:alert(1)")).links[-1][0] == "javascript%3Aalert%281%29"


def test_the_way_up_and_the_parent_are_links():
    page = page_of(path=b"/files/a/b c/", prefix=b"/files/")
    assert [(urljoin("http://a.example/files/a/b%20c/", href), text) for href, text in page.links] == [
        ("http://a.example/files/", "files"), ("http://a.example/files/a/", "a"),
        *[(f"http://a.example/files/a/b%20c/{query}", text) for query, text in (
            ("?sort=name&order=desc", "Name"), ("?sort=size&order=desc", "Size"),
            ("?sort=modified&order=desc", "Modified (UTC)"))],
        ("http://a.example/files/a/", "Parent folder"),
    ]


@pytest.mark.parametrize("prefix", [b"/", b"/files/"])
def test_nothing_leads_above_the_listed_folders(prefix):
    page = page_of(path=prefix, prefix=prefix)
    assert not [href for href, _ in page.links if href.startswith("..")]


@pytest.mark.parametrize("order, state, links", [
    (Order(), ("name", "ascending"), ["name&desc", "size&desc", "modified&desc"]),
    (Order("name", True), ("name", "descending"), ["name&asc", "size&desc", "modified&desc"]),
    (Order("size", True), ("size", "descending"), ["name&asc", "size&asc", "modified&desc"]),
    (Order("modified"), ("modified", "ascending"), ["name&asc", "size&desc", "modified&desc"]),
])
def test_headings_say_the_order_and_turn_it(order, state, links):
    page = page_of(order=order)
    heads = [attrs for tag, attrs in page.tags if tag == "th"]
    assert [attrs["scope"] for attrs in heads] == ["col"] * 3
    names = ("name", "size", "modified")
    assert [(name, attrs.get("aria-sort")) for name, attrs in zip(names, heads, strict=True)] == [
        (name, state[1] if name == state[0] else None) for name in names]
    assert [href for href, _ in page.links if href.startswith("?")] == [
        "?sort={}&order={}".format(*link.split("&")) for link in links]


def test_a_row_has_size_and_time_for_people_and_machines():
    page = page_of(file(b"a", 1536, 1_700_000_000), folder(b"b"))
    assert ("data", {"value": "1536"}) in page.tags
    assert ("time", {"datetime": "2023-11-14T22:13:20Z"}) in page.tags
    assert "1.5 KiB" in page.text
    assert "2023-11-14 22:13" in page.text
    assert len([tag for tag, _ in page.tags if tag == "data"]) == 1


@pytest.mark.parametrize("entries, truncated, words", [
    ([], False, "This folder is empty."),
    ([folder(b"a")], False, "1 folder"),
    ([folder(b"a"), folder(b"b"), file(b"c", 2048)], False, "2 folders and 1 file, 2.0 KiB"),
    ([file(b"a"), file(b"b")], True, "The first 2 entries; there are more."),
])
def test_a_line_says_how_many_there_are(entries, truncated, words):
    assert f"\n{words}\n" in page_of(*entries, truncated=truncated).text


@pytest.mark.parametrize("size, words", [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (1023, "1.0 KiB"), (10_189, "10 KiB"), (10_188, "9.9 KiB"),
    (1_022_976, "999 KiB"), (1_023_488, "1.0 MiB"), (734_003_200, "700 MiB"), (2**63 - 1, "8.0 EiB")])
def test_sizes_have_about_three_digits(size, words):
    assert human(size) == words


def test_the_page_needs_nothing_but_its_own_style():
    page = page_of(file(b"a"))
    assert not [attrs for _, attrs in page.tags if {"src", "style", "onclick"} & set(attrs)]
    assert not {"script", "link", "img", "iframe", "form"} & {tag for tag, _ in page.tags}
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_the_policy_allows_the_style_and_nothing_else():
    text = listing_page(b"/", Listing([], False), Order()).decode()
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest())
    assert POLICY.endswith(b"style-src 'sha256-" + digest + b"'")
    assert POLICY.startswith(b"default-src 'none'; ")
    assert b"unsafe" not in POLICY
