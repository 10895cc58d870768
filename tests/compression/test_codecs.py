import builtins
import gzip
import importlib
import random
import sys
import threading
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib

from proxy.compression import codecs
from proxy.compression.codecs import AVAILABLE, FAST, KEPT, encode, encoder, live_encoder
from proxy.wire.accept import CODINGS

zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
DECODE = {b"gzip": gzip.decompress, b"br": brotli.decompress, b"zstd": zstd.decompress}
TEXT = "".join(random.Random(7).choices(["alpha ", "beta ", "gamma\n", "delta=1;", "é"], k=30_000)).encode()
SIZES = (0, 1, 100, 70_000)


def decoder(coding):
    """A function that gives what can be read so far."""
    if coding == b"gzip":
        return zlib.decompressobj(31).decompress
    return brotli.Decompressor().process if coding == b"br" else zstd.ZstdDecompressor().decompress


def test_all_are_available_where_all_are_installed():
    assert AVAILABLE == CODINGS


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [None, 1, 6])
def test_whole(coding, size, level):
    coded = encode(coding, TEXT[:size], level)
    assert DECODE[coding](coded) == TEXT[:size]
    assert size < 1000 or len(coded) < size / 2


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1, 1000, 1 << 20])
def test_a_stream_in_pieces(coding, size, step):
    making = encoder(coding)
    size = size if step > 1 else min(size, 5000)
    pieces = [making.feed(TEXT[at:min(at + step, size)]) for at in range(0, size, step)]
    coded = b"".join([*pieces, making.finish()])
    assert DECODE[coding](coded) == TEXT[:size]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("level", [None, 1, 6])
def test_what_was_flushed_can_be_read(coding, level):
    making, read = encoder(coding, level), decoder(coding)
    for at in range(20):
        event = TEXT[at * 50:at * 50 + 50]
        assert read(making.feed(event) + making.flush()) == event
    assert read(making.finish()) == b""


def test_a_live_stream_is_flushed_gzip():
    making, read = live_encoder(), decoder(b"gzip")
    first = making.feed(b"data: 1\n\n" * 10) + making.flush()
    assert read(first) == b"data: 1\n\n" * 10
    second = making.feed(b"data: 1\n\n" * 10) + making.flush()
    assert read(second) == b"data: 1\n\n" * 10
    assert len(second) < len(first) - 10  # it remembers
    assert read(making.finish()) == b""


@pytest.mark.parametrize("coding", CODINGS)
def test_flushing_nothing_is_allowed(coding):
    making, read = encoder(coding), decoder(coding)
    before = making.flush() + making.feed(b"") + making.flush()
    assert read(before + making.feed(b"x") + making.flush()) == b"x"
    assert read(making.finish()) == b""


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("level", [2, 6])
def test_the_same_octets_every_time(coding, level, monkeypatch):
    before = encode(coding, TEXT, level)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert encode(coding, TEXT, level) == before
    first, second = encoder(coding, level), encoder(coding, level)
    assert first.feed(TEXT) + first.finish() == second.feed(TEXT) + second.finish()


@pytest.mark.parametrize("level", [2, 6])
def test_gzip_has_no_time_and_no_name(level):
    making = encoder(b"gzip", level)
    for coded in (encode(b"gzip", TEXT, level), making.feed(b"x") + making.finish()):
        assert coded[:4] == b"\x1f\x8b\x08\x00"
        assert coded[4:8] == bytes(4)


def test_low_levels_of_gzip_are_isals():
    assert encode(b"gzip", TEXT, 2) == isal_zlib.compress(TEXT, 2, 31)
    assert encode(b"gzip", TEXT, 4) == zlib.compress(TEXT, 4, 31)


def test_what_is_kept_packs_better_than_what_is_not():
    for coding in CODINGS:
        assert len(encode(coding, TEXT)) == len(encode(coding, TEXT, KEPT[coding]))
        assert len(encode(coding, TEXT)) < len(encode(coding, TEXT, FAST[coding]))


def test_threads_do_not_disturb_each_other():
    made = []

    def work():
        for coding in CODINGS:
            made.append((coding, encode(coding, TEXT)))  # noqa: PERF401 - appended to by four

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(made) == {(coding, encode(coding, TEXT)) for coding in CODINGS}


@pytest.fixture
def bare(monkeypatch):
    """The module as it is where nothing is installed."""
    real = builtins.__import__

    def without(name, *args):
        if name.partition(".")[0] in ("isal", "brotli", "backports", "compression"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    yield importlib.reload(codecs)
    monkeypatch.undo()
    importlib.reload(codecs)


def test_without_the_extra_there_is_gzip(bare):
    assert bare.AVAILABLE == (b"gzip",)
    assert gzip.decompress(bare.encode(b"gzip", TEXT, 2)) == TEXT
    making = bare.encoder(b"gzip")
    assert gzip.decompress(making.feed(TEXT) + making.finish()) == TEXT
    with pytest.raises(KeyError):
        bare.encode(b"br", b"")


@given(st.sampled_from(CODINGS), st.lists(st.binary(max_size=300), max_size=8), st.integers(0, 255))
def test_any_pieces_with_any_flushes(coding, pieces, flushes):
    making, read = encoder(coding), decoder(coding)
    seen = b""
    for at, piece in enumerate(pieces):
        seen += read(making.feed(piece))
        if flushes >> at & 1:
            seen += read(making.flush())
            assert seen == b"".join(pieces[:at + 1])
    last = making.finish()
    if last:
        seen += read(last)
    assert seen == b"".join(pieces)
