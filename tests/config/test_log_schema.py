import os
from pathlib import Path

import pytest

from proxy.config.errors import ConfigErrors
from proxy.config.load import loads

REST = "listen: 127.0.0.1:0\nroutes: [{respond: {}}]\n"


def log_of(text, folder=Path()):
    return loads(REST + f"access_log: {{{text}}}", folder=folder).access_log


def test_everything_that_may_be_said(tmp_path):
    log = log_of(
        "path: a.log, format: json, headers: X-Tenant, slow: 1s, sample: 10%, "
        "skip: {path: /ping, status: 2xx}, redact: {query: code, headers: []}, "
        "rotate: {size: 10MiB, age: 1d, keep: null, compress: false}", tmp_path)
    assert (log.headers, log.slow, log.sample) == (["X-Tenant"], 1.0, 0.1)
    (skipped,) = log.skip
    assert (skipped.path, skipped.status, skipped.host) == (["/ping"], [(200, 299)], [])
    assert (log.redact.query, log.redact.headers) == (["code"], [])
    assert log.rotate.model_dump() == {"size": 10 << 20, "age": 86400, "keep": None, "compress": False}


def test_short_forms():
    assert log_of("rotate: true").rotate.model_dump() == {
        "size": 100 << 20, "age": None, "keep": 7, "compress": True}
    assert log_of("rotate: false").rotate is None
    assert [one.status for one in log_of("skip: [{status: 204}, {status: [304, 5xx]}]").skip] == [
        [(204, 204)], [(304, 304), (500, 599)]]


@pytest.mark.parametrize("text, message", [
    ("headers: [X-A]", "access_log.headers: means nothing in the format combined; it is for json"),
    ("skip: {}", "access_log.skip: would leave out everything"),
    ("skip: [{path: /a}, {}]", "access_log.skip[1]: would leave out everything"),
    ("skip: {status: 2x}", "'2x' is not a range of statuses"),
    ("rotate: {size: null}", "access_log.rotate: is never due without size and age"),
    ("rotate: {size: 1}", "is out of range (64KiB"),
    ("sample: 0.1", "0.1 is not a percentage"),
    ("sample: 200%", "is out of range (0% to 100%)"),
])
def test_what_makes_no_sense_is_told(text, message):
    with pytest.raises(ConfigErrors) as raised:
        log_of(text)
    assert message in str(raised.value)


def test_a_folder_that_refuses_new_names(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigErrors, match=r"access_log.rotate: needs a folder that may be written to"):
        log_of("path: a.log, rotate: true", tmp_path)


def test_a_folder_that_is_of_no_concern(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert log_of("path: a.log, rotate: false", tmp_path).rotate is None
    assert log_of("path: a.log, rotate: null", tmp_path).rotate is None


def test_the_error_log_is_rotated_too(tmp_path):
    text = REST + "error_log: {path: error.log, rotate: {age: 1d, keep: 3}}"
    assert loads(text, folder=tmp_path).error_log.rotate.model_dump() == {
        "size": 100 << 20, "age": 86400, "keep": 3, "compress": True}


@pytest.mark.parametrize("rotate, message", [
    ("{size: null}", "error_log.rotate: is never due without size and age"),
    ("true", "error_log.rotate: needs a folder that may be written to"),
])
def test_what_makes_no_sense_for_the_error_log(rotate, message, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigErrors, match=message):
        loads(REST + f"error_log: {{path: error.log, rotate: {rotate}}}", folder=tmp_path)
