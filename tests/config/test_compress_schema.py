import pytest

from proxy.clock import DeadlineWheel
from proxy.compression import codecs
from proxy.config.schema import warnings_of
from proxy.handlers.reverse_proxy import ReverseProxy
from proxy.middleware.compress import Compress
from proxy.runtime.build import build
from tests.fakes import FakeLoop

TOP = "listen: a:1\npools: {web: {endpoints: [a:1]}}\nroutes:\n"


@pytest.fixture
def compress(read):
    return lambda text: read(f"{TOP}- {{reverse_proxy: web, compress: {text}}}").routes[0].compress


def test_off_unless_asked_for(read, compress):
    assert read(TOP + "- {reverse_proxy: web}").routes[0].compress is None
    assert compress("false") is compress("null") is compress("") is None


def test_true_is_the_defaults(compress):
    assert compress("true") == compress("{}")
    assert compress("true").codings == ["br", "zstd", "gzip"]
    assert (compress("true").minimum, compress("true").types) == (1024, ["common"])
    assert compress("true").level is None


def test_each_key(compress):
    config = compress("{codings: gzip, minimum: 2KiB, types: [common, Application/PDF, '*+cbor'], level: 6}")
    assert config.codings == ["gzip"]
    assert config.minimum == 2048
    assert config.types == ["common", "application/pdf", "*+cbor"]
    assert config.level == 6


@pytest.mark.parametrize("text, end", [
    ("{codings: [deflate]}", "'deflate' is not a coding (br, zstd, gzip)"),
    ("{codings: []}", "an empty list matches nothing; leave the key out, or give at least one"),
    ("{types: [json]}", "'json' is not a media type (text/html, text/*, *+json, or common)"),
    ("{types: ['text/html; charset=utf-8']}", "or common)"),
    ("{level: 11}", "11 is out of range (1 to 6)"),
])
def test_what_is_wrong_is_said(errors_of, text, end):
    (line,) = errors_of(f"{TOP}- {{reverse_proxy: web, compress: {text}}}")
    assert line.endswith(end)


def test_it_is_for_answers_that_somebody_makes(errors_of, read):
    assert read(TOP + "- {respond: {}, compress: true}").routes[0].compress is not None
    (line,) = errors_of(TOP + "- {redirect: {to: /}, compress: true}")
    assert line.endswith("compress: means nothing beside redirect; it is for reverse_proxy and respond")
    (line,) = errors_of(TOP + "- {match: {path: /a/*}, static: {root: public}, compress: true}")
    assert line.endswith("; it is for reverse_proxy and respond; files have static.compress")


def test_codings_that_are_named_but_not_there(read, monkeypatch):
    monkeypatch.setattr(codecs, "AVAILABLE", (b"gzip",))
    (line,) = warnings_of(read(TOP + "- {reverse_proxy: web, compress: {codings: [br, gzip]}}"))
    assert line.endswith("routes[0].compress.codings: br is not installed: pip install 'pyfront[compress]'")
    assert not warnings_of(read(TOP + "- {reverse_proxy: web, compress: true}"))


def test_only_a_route_with_the_key_has_the_middleware(read):
    routes = "- {match: {path: /a}, reverse_proxy: web, compress: true}\n- {reverse_proxy: web}"
    loop = FakeLoop()
    made = build(read(TOP + routes), None, loop, DeadlineWheel(loop)).table.routes
    assert [type(route.handler) for route in made] == [Compress, ReverseProxy]
