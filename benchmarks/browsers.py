"""Header blocks as browsers send them: 14 fields, no two clients alike.

Two shapes, Chrome's and Firefox's, in these browsers' own order and case; versions, system,
language and cookie vary with the client's number. Deterministic, so that every proxy of every
run gets the same bytes.
"""

from __future__ import annotations

import hashlib

_SYSTEMS = (
    ("Windows NT 10.0; Win64; x64", '"Windows"'),
    ("Macintosh; Intel Mac OS X 10_15_7", '"macOS"'),
    ("X11; Linux x86_64", '"Linux"'),
)
_LANGUAGES = (
    "en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7",
    "ja,en-US;q=0.9,en;q=0.8", "pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "cs,en;q=0.8",
)

Fields = list[tuple[str, str]]


def browser_fields(client: int, *, keep_alive: bool = True) -> Fields:
    """The fields that one client sends, the same with every request."""
    connection = "keep-alive" if keep_alive else "close"
    return (_firefox if client % 3 == 2 else _chrome)(client, connection)


def _cookie(client: int) -> str:
    token = hashlib.sha256(b"client %d" % client).hexdigest()
    return f"sessionid={token[:32]}; csrftoken={token[32:]}; theme={'dark' if client % 2 else 'light'}"


def _chrome(client: int, connection: str) -> Fields:
    system, platform = _SYSTEMS[client % len(_SYSTEMS)]
    version = 120 + client % 23
    engine = "AppleWebKit/537.36 (KHTML, like Gecko)"
    agent = f"Mozilla/5.0 ({system}) {engine} Chrome/{version}.0.0.0 Safari/537.36"
    return [
        ("Host", "www.example.com"),
        ("Connection", connection),
        ("sec-ch-ua", f'"Chromium";v="{version}", "Not A(Brand";v="24", "Google Chrome";v="{version}"'),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", platform),
        ("Upgrade-Insecure-Requests", "1"),
        ("User-Agent", agent),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Accept-Language", _LANGUAGES[client % len(_LANGUAGES)]),
        ("Cookie", _cookie(client)),
    ]


def _firefox(client: int, connection: str) -> Fields:
    system, _ = _SYSTEMS[client // 3 % len(_SYSTEMS)]
    version = 115 + client % 29
    return [
        ("Host", "www.example.com"),
        ("User-Agent", f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("Accept-Language", _LANGUAGES[client % len(_LANGUAGES)]),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Referer", f"https://www.example.com/articles/{client}"),
        ("Connection", connection),
        ("Cookie", _cookie(client)),
        ("Upgrade-Insecure-Requests", "1"),
        ("Sec-Fetch-Dest", "document"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-User", "?1"),
        ("Priority", "u=0, i"),
    ]


def request_head(path: str, fields: Fields) -> str:
    """A GET's head, complete."""
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines) + "\r\n\r\n"
