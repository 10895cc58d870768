"""A directory as a page: one document, without a script, an image or anything else to fetch.

The rule of this room: a name is text in one place and a percent-encoded segment in another, and gets
into the page by `_text`, `_plain` or `_link` alone. POLICY, which the answer carries, allows the page's own
style and nothing else, so that a name which broke out all the same could not run anything.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from proxy.handlers.listing import Entry, Listing, Order, decoded, iso

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1c2733;--soft:#5f6b7a;--line:#e6e9ee;
--link:#0b57d0;--tint:#f0f5ff;--folder:#e8a33d;--file:#a9b4c2}
@media(prefers-color-scheme:dark){:root{--page:#12161c;--card:#1a2028;--ink:#e4e8ee;--soft:#95a1b0;
--line:#29313c;--link:#8ab4f8;--tint:#212b39;--folder:#d99a3a;--file:#5d6b7d}}
*{box-sizing:border-box}
body{margin:0;padding:2.5rem 1rem 3rem;background:var(--page);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:56rem;margin:auto}
h1{margin:0;font-size:1.5rem;line-height:1.3;font-weight:650;overflow-wrap:anywhere}
h1 a,h1 i{font-weight:400}
h1 i{color:var(--file);font-style:normal;margin:0 .35rem}
p{margin:.25rem 0 1.25rem;color:var(--soft)}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
table{width:100%;border-collapse:separate;border-spacing:0;background:var(--card);
border:1px solid var(--line);border-radius:12px;overflow:hidden;font-variant-numeric:tabular-nums}
th,td{padding:.6rem 1rem;text-align:right;white-space:nowrap;vertical-align:top}
th:first-child,td:first-child{width:100%;text-align:left}
th{font-size:.8125rem;font-weight:600;border-bottom:1px solid var(--line)}
th a{color:var(--soft)}
th[aria-sort] a{color:var(--ink)}
th[aria-sort] a::after{content:" \\2191"}
th[aria-sort=descending] a::after{content:" \\2193"}
tr+tr td{border-top:1px solid var(--line)}
tbody tr:hover{background:var(--tint)}
td{color:var(--soft)}
td:first-child{white-space:pre-wrap;overflow-wrap:anywhere;padding-left:2.9rem}
td:first-child a::before{content:"";float:left;width:1.05rem;height:1.15rem;margin:.16rem 0 0 -1.8rem;
background:var(--file);clip-path:polygon(8% 0,62% 0,92% 28%,92% 100%,8% 100%)}
td:first-child .d::before{height:.95rem;margin-top:.27rem;background:var(--folder);border-radius:2px;
clip-path:polygon(0 0,42% 0,52% 16%,100% 16%,100% 100%,0 100%)}
td:first-child .u::before{height:.8rem;margin-top:.36rem;background:var(--soft);
clip-path:polygon(50% 0,100% 55%,64% 55%,64% 100%,36% 100%,36% 55%,0 55%)}
@media(max-width:40rem){body{padding:1.25rem 0 2rem}h1,p{margin-left:1rem;margin-right:1rem}
h1{font-size:1.25rem}table{border-width:1px 0;border-radius:0}
th,td{padding:.6rem .5rem}th:last-child,td:last-child{padding-right:1rem}
th:first-child{padding-left:1rem}th small,time span{display:none}}
"""
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
).encode()
# Controls, and what turns the direction of text: with it "txt.exe" could be shown for "exe.txt".
_MISLEADING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
# What a column's heading asks for first: the newest and the largest are what one looks for.
_COLUMNS = (("name", "Name", "asc"), ("size", "Size", "desc"), ("modified", "Modified", "desc"))


def listing_page(path: bytes, listing: Listing, order: Order, prefix: bytes = b"/") -> bytes:
    """The page.

    Args:
        path: of the request, decoded, with its last slash.
        listing: the entries, already in the order.
        order: which one that is.
        prefix: where the listed folders begin; nothing above it is linked. With its last slash.
    """
    names = [name for name in path.removeprefix(prefix).split(b"/") if name]
    return "".join((
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{_plain(path)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n",
        f"<h1>{''.join(_crumbs(prefix, names))}</h1>\n<p>{_summary(listing)}</p>\n",
        f"<table>\n<thead>\n<tr>{''.join(_headings(order))}</tr>\n</thead>\n<tbody>\n",
        _ROW.format("../", "u", "Parent folder", "", "") if names else "",
        *map(_row, listing.entries),
        "</tbody>\n</table>\n</main>\n</body>\n</html>\n",
    )).encode()


def _crumbs(prefix: bytes, names: list[bytes]) -> Iterator[str]:
    """The way down, by links that are relative: they are right behind any other proxy, too."""
    shown = [prefix.strip(b"/") or b"/", *names]
    for up, name in zip(range(len(names), 0, -1), shown, strict=False):
        yield f'<a href="{"../" * up}">{_text(name)}</a><i>{"" if name == b"/" else "/"}</i>'
    yield _text(shown[-1])


def _summary(listing: Listing) -> str:
    if listing.truncated:
        return f"The first {len(listing.entries):,} entries; there are more."
    if not listing.entries:
        return "This folder is empty."
    folders = sum(entry.is_directory for entry in listing.entries)
    files = [entry.size for entry in listing.entries if not entry.is_directory]
    parts = [_count(folders, "folder")] if folders else []
    if files:
        parts.append(f"{_count(len(files), 'file')}, {human(sum(files))}")
    return " and ".join(parts)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + "s" * (number != 1)


def _headings(order: Order) -> Iterator[str]:
    for by, title, first in _COLUMNS:
        state, way = "", first
        if order.by == by:
            state = f' aria-sort="{"descending" if order.descending else "ascending"}"'
            way = "asc" if order.descending else "desc"
        zone = " <small>(UTC)</small>" if by == "modified" else ""
        yield f'<th scope="col"{state}><a href="?sort={by}&amp;order={way}">{title}{zone}</a></th>'


_ROW = '<tr><td><a class="{1}" href="{0}">{2}</a></td><td>{3}</td><td>{4}</td></tr>\n'


def _row(entry: Entry) -> str:
    stamp = iso(entry.modified)
    modified = f'<time datetime="{stamp}">{stamp[:10]}<span> {stamp[11:16]}</span></time>'
    if entry.is_directory:
        return _ROW.format(_link(entry.name) + "/", "d", _text(entry.name) + "/", "", modified)
    size = f'<data value="{entry.size}">{human(entry.size)}</data>'
    return _ROW.format(_link(entry.name), "f", _text(entry.name), size, modified)


def human(size: int) -> str:
    """A size of about three digits."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    units = iter(_UNITS)
    unit = ""
    while value >= 999.5:
        value /= 1024
        unit = next(units)
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def _text(name: bytes) -> str:
    """A name, in a direction of its own."""
    return f"<bdi>{_plain(name)}</bdi>"


def _plain(name: bytes) -> str:
    return escape(_MISLEADING.sub("\ufffd", decoded(name)))


def _link(name: bytes) -> str:
    """One segment. Nothing but unreserved characters (RFC 3986 section 2.3): a colon would make a scheme."""
    return quote(name, safe="")
