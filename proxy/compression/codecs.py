"""gzip, brotli and zstd: a whole body at once, or as it comes.

What is not installed is not available (`AVAILABLE`); gzip always is. The rule of this room: the same
library makes the same octets of the same input, whenever and wherever, so that a strong entity tag of
what `encode` made holds in every worker and after a restart.

Levels, and what they take for 64 kB of JSON, script or source text on one core of 2020:

    made once and kept (`encode` without a level)   br 5: 0.8-1.2 ms   zstd 9: 0.7-1.1 ms   gzip 6: 0.9-1.9 ms
    made for one answer (`encoder`, FAST)           br 3: 0.2-0.4 ms   zstd 3: 0.1-0.2 ms   gzip 2: 0.1 ms

More than that is not worth it: br 9 takes 12 ms for 5% less. gzip up to level 3 is ISA-L's, five times as
fast as zlib where that is installed; from 4 on it is zlib, which packs better.

An encoder of a stream is kept small, because a thousand of them may be open at once: 0.7 MB for brotli,
0.3 MB for zstd, 0.1 MB for gzip after some hundred kB.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from proxy.wire.accept import CODINGS

if TYPE_CHECKING:
    import brotli
    from backports import zstd

KEPT = {b"br": 5, b"zstd": 9, b"gzip": 6}
FAST = {b"br": 3, b"zstd": 3, b"gzip": 2}
GZIP = 31           # window bits of zlib: 15, and 16 for a header, whose time is 0 and whose name is empty
ISAL_HIGHEST = 3
BROTLI_WINDOW = 18  # as a power of two; 22, the default, takes 4 MB for each encoder in the long run
LIVE_LEVEL, LIVE_MEMORY = 6, 6


class Encoder(Protocol):
    """A body on its way; `finish` is called once, and nothing after it."""

    def feed(self, data: bytes) -> bytes:
        """Take more of the body; what there is of its coded form, often nothing."""

    def flush(self) -> bytes:
        """All that a reader needs to have what was fed so far."""

    def finish(self) -> bytes:
        """The end."""


class Codec(NamedTuple):
    """How to make one coding, at a level."""

    whole: Callable[[bytes, int], bytes]
    stream: Callable[[int], Encoder]


class _Deflating(Protocol):
    """A compressobj, of zlib or ISA-L."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int, /) -> bytes: ...


class _Gzip:
    __slots__ = ("_deflating", "feed")

    def __init__(self, deflating: _Deflating) -> None:
        self._deflating = deflating
        self.feed = deflating.compress

    def flush(self) -> bytes:
        return self._deflating.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._deflating.flush(zlib.Z_FINISH)


class _Brotli:
    __slots__ = ("feed", "finish", "flush")

    def __init__(self, compressor: brotli.Compressor) -> None:
        self.feed: Callable[[bytes], bytes] = compressor.process
        self.flush: Callable[[], bytes] = compressor.flush
        self.finish: Callable[[], bytes] = compressor.finish


class _Zstd:
    __slots__ = ("_compressor", "feed")

    def __init__(self, compressor: zstd.ZstdCompressor) -> None:
        self._compressor = compressor
        self.feed: Callable[[bytes], bytes] = compressor.compress

    def flush(self) -> bytes:
        return self._compressor.flush(self._compressor.FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._compressor.flush(self._compressor.FLUSH_FRAME)


def _zlib_whole(data: bytes, level: int) -> bytes:
    return zlib.compress(data, level, GZIP)


def _zlib_stream(level: int) -> Encoder:
    return _Gzip(zlib.compressobj(level, wbits=GZIP))


def _gzip() -> Codec:
    try:
        from isal import isal_zlib
    except ImportError:
        return Codec(_zlib_whole, _zlib_stream)

    def whole(data: bytes, level: int) -> bytes:
        return isal_zlib.compress(data, level, GZIP) if level <= ISAL_HIGHEST else _zlib_whole(data, level)

    def stream(level: int) -> Encoder:
        if level > ISAL_HIGHEST:
            return _zlib_stream(level)
        return _Gzip(isal_zlib.compressobj(level, wbits=GZIP))

    return Codec(whole, stream)


def _br() -> Codec | None:
    try:
        import brotli
    except ImportError:
        return None

    def whole(data: bytes, level: int) -> bytes:
        coded: bytes = brotli.compress(data, quality=level)
        return coded

    def stream(level: int) -> Encoder:
        return _Brotli(brotli.Compressor(quality=level, lgwin=BROTLI_WINDOW))

    return Codec(whole, stream)


def _zstd() -> Codec | None:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        return None
    parameter = zstd.CompressionParameter
    small: dict[int, int] = {parameter.window_log: 17, parameter.hash_log: 14, parameter.chain_log: 15}

    def stream(level: int) -> Encoder:
        return _Zstd(zstd.ZstdCompressor(options={**small, parameter.compression_level: level}))

    return Codec(zstd.compress, stream)


_found = {b"br": _br(), b"zstd": _zstd(), b"gzip": _gzip()}
_codecs = {coding: codec for coding in CODINGS if (codec := _found[coding]) is not None}
AVAILABLE = tuple(_codecs)  # in the order of wire.accept


def encode(coding: bytes, data: bytes, level: int | None = None) -> bytes:
    """All of a body at once; at a level that suits what is made once and kept.

    For any thread: the libraries release the interpreter's lock meanwhile.

    Raises:
        KeyError: the coding is not available.
    """
    return _codecs[coding].whole(data, KEPT[coding] if level is None else level)


def encoder(coding: bytes, level: int | None = None) -> Encoder:
    """For a body that is coded as it comes, at a level that suits what is made for one answer.

    Raises:
        KeyError: the coding is not available.
    """
    return _codecs[coding].stream(FAST[coding] if level is None else level)


def live_encoder() -> Encoder:
    """gzip for what is flushed after each event, and may stay open for days.

    Of a thousand events of 65 octets, each flushed, this leaves 23% with 40 kB of memory; brotli 3 33% with
    260 kB, zstd 3 33% with 130 kB.
    """
    return _Gzip(zlib.compressobj(LIVE_LEVEL, wbits=GZIP, memLevel=LIVE_MEMORY))
