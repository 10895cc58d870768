"""Requests, answers and chunked bodies to try: made by the grammar, then bent.

`requests()` is right by RFC 9112 and must get through; `streams()` is what attackers send: the same
with wild values, two framings at once, a second request behind the first, and octets changed.
Most choices are right most of the time, so that what is wrong stands alone.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.words import (
    ANSWER_FIELDS,
    EXTENSIONS,
    FIELDS,
    FRAMINGS,
    HOSTS,
    INTERIMS,
    METHODS,
    NASTY,
    QUERIES,
    REQUEST_PARTS,
    SEGMENTS,
    STATUSES,
    TRAILERS,
    VERSIONS,
    WILD_ANSWER_FIELDS,
    WILD_CHUNKED,
    WILD_FIELDS,
    WILD_HOSTS,
    WILD_METHODS,
    WILD_SEGMENTS,
    WILD_STATUSES,
    WILD_TARGETS,
    WILD_VERSIONS,
)

PAYLOADS = st.one_of(
    st.sampled_from([b"", b"abcde", b"0\r\n\r\n", b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"]),
    st.binary(max_size=40))


@st.composite
def chunked(draw) -> bytes:
    """A valid chunked body."""
    out = b""
    for data in draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4)):
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"%04X"])) % len(data)
        out += size + draw(st.sampled_from(EXTENSIONS)) + b"\r\n" + data + b"\r\n"
    last = draw(st.sampled_from([b"0", b"00"])) + draw(st.sampled_from(EXTENSIONS)) + b"\r\n"
    return out + last + draw(st.sampled_from(TRAILERS)) + b"\r\n"


@st.composite
def origin_targets(draw, segments: st.SearchStrategy[bytes]) -> bytes:
    return b"/" + b"/".join(draw(st.lists(segments, max_size=4))) + draw(st.sampled_from(QUERIES))


@st.composite
def targets(draw) -> bytes:
    origin = draw(origin_targets(st.sampled_from(SEGMENTS)))
    return draw(st.sampled_from([b"", b"", b"", b"", b"http://b.example:81", b"HTTP://[::1]"])) + origin


@st.composite
def requests(draw) -> bytes:
    """One request that is right in every way that the proxy promises to serve."""
    body = draw(st.sampled_from(["none", "sized", "chunked"]))
    version = b"HTTP/1.1" if body == "chunked" else draw(st.sampled_from(VERSIONS))
    line = b"%b %b %b" % (draw(st.sampled_from(METHODS)), draw(targets()), version)
    lines = [line, b"Host: " + draw(st.sampled_from(HOSTS)), *draw(valid_fields())]
    payload = b""
    if body == "sized":
        payload = draw(PAYLOADS)
        lines.insert(draw(st.integers(1, len(lines))), b"Content-Length: %d" % len(payload))
    elif body == "chunked":
        payload = draw(chunked())
        lines.insert(draw(st.integers(1, len(lines))), draw(st.sampled_from([b"Transfer-Encoding: chunked",
            b"transfer-encoding:CHUNKED "])))
    return b"\r\n".join([*lines, b"", payload])


@st.composite
def valid_fields(draw) -> list[bytes]:
    singletons = {b"x-real-ip", b"x-request-id", b"max-forwards"}
    chosen = draw(st.lists(st.sampled_from(FIELDS), max_size=5, unique_by=lambda field: (
        field[0].lower() if field[0].lower() in singletons else field)))
    return [name + draw(st.sampled_from([b": ", b":", b":\t "])) + value for name, value in chosen]


def wild_parts(*parts: str) -> st.SearchStrategy[frozenset[str]]:
    """Which parts of a message are wild: mostly one, sometimes two, so that each stands alone."""
    return st.lists(st.sampled_from(parts), min_size=1, max_size=2).map(frozenset)


@st.composite
def wild_requests(draw) -> bytes:
    """One request with a wild part or two; its body need not fit its framing."""
    wild = draw(wild_parts(*REQUEST_PARTS))

    def pick(part, right, others):
        return draw(st.sampled_from(others if part in wild else right))

    segments = st.sampled_from(SEGMENTS + WILD_SEGMENTS)
    wild_targets = st.one_of(origin_targets(segments), st.sampled_from(WILD_TARGETS))
    target = wild_targets if "target" in wild else targets()
    line = pick("spaces", [b" "], [b"  ", b"\t", b"", b"\x0b"]).join([
        pick("method", METHODS, WILD_METHODS), draw(target), pick("version", VERSIONS, WILD_VERSIONS)])
    body = draw(st.sampled_from(WILD_CHUNKED) if "body" in wild else st.one_of(PAYLOADS, chunked()))
    fits = b"Transfer-Encoding: chunked" if body.endswith(b"\r\n\r\n") else b"Content-Length: %d" % len(body)
    framing = draw(st.lists(st.sampled_from(FRAMINGS), max_size=2)) if "framing" in wild else [fits]
    others = draw(st.lists(st.sampled_from(WILD_FIELDS), min_size=1, max_size=2)) if "field" in wild else []
    host = b"Host: " + pick("host", HOSTS, WILD_HOSTS)
    fields = draw(st.permutations([host, *draw(valid_fields()), *framing, *others]))
    end = pick("ends", [b"\r\n"], [b"\n", b"\r", b"\r\r\n", b"\r\n\r\n"])
    return end.join([line, *fields]) + b"\r\n\r\n" + body


@st.composite
def answers(draw) -> tuple[bytes, bool]:
    """A response that is right, and whether the end of the connection ends it."""
    status = draw(st.sampled_from(STATUSES))
    framings = ["none"] if status[:3] in (b"204", b"304") else ["sized", "chunked", "until the end"]
    framing = draw(st.sampled_from(framings))
    version = b"HTTP/1.1" if framing == "chunked" else draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1",
        b"HTTP/1.0"]))
    lines = draw(st.lists(
        st.sampled_from(ANSWER_FIELDS), max_size=5, unique_by=lambda line: line.split(b":")[0]))
    body = b"" if framing == "none" else draw(chunked() if framing == "chunked" else PAYLOADS)
    if framing == "sized":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
    head = b"\r\n".join([version + b" " + status, *lines, b"", b""])
    return draw(st.sampled_from(INTERIMS)) + head + body, framing == "until the end" or draw(st.booleans())


@st.composite
def wild_answers(draw) -> bytes:
    """A response with a wild part or two; its body need not fit its framing."""
    wild = draw(wild_parts("version", "status", "field", "framing", "body"))
    versions = [*WILD_VERSIONS, b"ICY"] if "version" in wild else [b"HTTP/1.1", b"HTTP/1.0"]
    version = draw(st.sampled_from(versions))
    status = draw(st.sampled_from(WILD_STATUSES if "status" in wild else STATUSES))
    body = draw(st.sampled_from(WILD_CHUNKED) if "body" in wild else st.one_of(PAYLOADS, chunked()))
    fits = b"Transfer-Encoding: chunked" if body.endswith(b"\r\n\r\n") else b"Content-Length: %d" % len(body)
    framing = draw(st.lists(st.sampled_from(FRAMINGS), max_size=2)) if "framing" in wild else [fits]
    fields = draw(st.lists(st.sampled_from(ANSWER_FIELDS), max_size=3))
    if "field" in wild:
        fields += draw(st.lists(st.sampled_from(WILD_ANSWER_FIELDS), min_size=1, max_size=2))
    lines = draw(st.permutations([*fields, *framing]))
    return draw(st.sampled_from(INTERIMS)) + b"\r\n".join([version + b" " + status, *lines, b"", body])


@st.composite
def bent(draw, whole: st.SearchStrategy[bytes]) -> bytes:
    """`whole` with up to three octets or so put in, taken out or changed."""
    data = draw(whole)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        cut = at + draw(st.sampled_from([0, 0, 1, 1, 2, 9]))
        data = data[:at] + draw(st.one_of(st.just(b""), st.sampled_from(NASTY))) + data[cut:]
    return data


def streams() -> st.SearchStrategy[bytes]:
    """One request after another on a connection, any of them bent."""
    one = st.one_of(requests(), bent(requests()), wild_requests(), bent(wild_requests()))
    return st.lists(one, min_size=1, max_size=3).map(b"".join)


@st.composite
def cuts(draw, data: bytes) -> list[bytes]:
    """`data` in pieces."""
    at = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]
