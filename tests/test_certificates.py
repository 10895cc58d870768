import subprocess
from datetime import UTC, datetime

import pytest
import trustme

from proxy import certificates
from proxy.certificates import DAY, read, trouble
from tests.authority import Authority


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def test_both_files_are_read(authority):
    certificate, key = authority.issue("shop.example", "*.Shop.example", "192.0.2.1", days=90)
    found = read(certificate, key)
    assert found.names == ("shop.example", "*.shop.example", "192.0.2.1")
    assert found.name == "shop.example"
    assert found.expires - found.begins == 90 * DAY
    assert len(found.mark) == 16
    assert found.pem.count(b"PRIVATE KEY-----\n") == 2


def test_another_certificate_for_the_same_names_has_another_mark(authority):
    assert read(*authority.issue("a.example")).mark != read(*authority.issue("a.example")).mark


def test_the_chain_is_shown_whole(authority):
    certificate, key = authority.issue("a.example", chain=lambda parts: parts)
    assert read(certificate, key).pem.count(b"BEGIN CERTIFICATE") == 2


def test_one_file_for_both(authority):
    certificate, key = authority.issue("a.example", chain=lambda parts: parts)
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    found = read(certificate, certificate)
    assert (found.pem.count(b"BEGIN CERTIFICATE"), found.pem.count(b"BEGIN PRIVATE KEY")) == (2, 1)


def test_a_key_of_another_certificate(authority):
    certificate, _ = authority.issue("a.example")
    _, key = authority.issue("b.example", file="other")
    with pytest.raises(ValueError, match=rf"^{key} is not the key of {certificate}$"):
        read(certificate, key)


def test_a_chain_the_wrong_way_round(authority):
    files = authority.issue("a.example", chain=lambda parts: parts[::-1])
    with pytest.raises(ValueError, match=r"is not the key of .*, whose first certificate is for .*trustme"):
        read(*files)


@pytest.mark.program("openssl")
def test_a_locked_key(authority):
    certificate, key = authority.issue("a.example")
    locked = key.with_name("locked.key")
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked],
                   check=True)
    with pytest.raises(ValueError, match=r"locked.key is locked with a passphrase; unlock it: openssl"):
        read(certificate, locked)


def test_files_that_hold_something_else(authority):
    certificate, key = authority.issue("a.example")
    with pytest.raises(ValueError, match=r"is no certificate in PEM"):
        read(key, key)
    with pytest.raises(ValueError, match=r"is no private key in PEM"):
        read(certificate, certificate)
    certificate.write_bytes(b"")
    with pytest.raises(ValueError, match=r"is no certificate in PEM"):
        read(certificate, key)


@pytest.mark.program("openssl")
def test_a_key_that_is_too_short(tmp_path):
    files = tmp_path / "a.pem", tmp_path / "a.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:512", "-nodes", "-subj", "/CN=a.example",
                    "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    with pytest.raises(ValueError, match=r"cannot be used: ee key too small"):
        read(*files)


@pytest.mark.program("openssl")
def test_a_certificate_without_names(tmp_path):
    files = tmp_path / "a.pem", tmp_path / "a.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-subj", "/CN=a.example", "-out", files[0], "-keyout", files[1]],
                   check=True, capture_output=True)
    found = read(*files)
    assert (found.names, found.name) == ((), found.mark)


def test_all_kinds_of_keys(tmp_path):
    ca = trustme.CA()
    for kind in trustme.KeyType:
        made = ca.issue_cert("a.example", key_type=kind)
        files = tmp_path / "a.pem", tmp_path / "a.key"
        made.cert_chain_pems[0].write_to_path(files[0])
        made.private_key_pem.write_to_path(files[1])
        assert read(*files).names == ("a.example",)


def test_loading_leaves_nothing_open(authority, monkeypatch):
    opened = []
    monkeypatch.setattr(certificates.os, "close", lambda fd, close=certificates.os.close: (
        opened.append(fd), close(fd)))
    found = read(*authority.issue("a.example"))
    opened.clear()
    found.context()
    assert len(opened) == 1


NOW = datetime(2026, 11, 23, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("begins", "expires", "said"), [
    (-10, 80, ""),
    (-80, 14.1, ""),
    (-80, 13.5, "expires on 2026-12-06, in 13.5 days"),
    (-4, 2, ""),           # one of those that last six days
    (-5, 1, "expires on 2026-11-24, in 1.0 days"),
    (-90, 0, "has expired on 2026-11-23"),
    (1, 90, "is not valid before 2026-11-24"),
])
def test_trouble(begins, expires, said):
    assert trouble(NOW + begins * DAY, NOW + expires * DAY, NOW) == said
