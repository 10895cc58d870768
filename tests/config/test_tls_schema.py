"""`listen[].tls`: two files that belong together."""

import pickle

import pytest

from proxy.config.differences import differences, outline
from proxy.config.effective import effective
from proxy.config.load import loads, warnings_of
from proxy.config.tls_schema import certificate_of
from tests.authority import Authority

ROUTES = "routes: [{respond: {status: 204}}]"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def of(*tls):
    shown = tls[0] if len(tls) == 1 else f"[{', '.join(tls)}]"
    return f"listen:\n  - address: a:1\n    tls: {shown}\n{ROUTES}"


def test_one_or_several_or_none(authority):
    one = loads(of(authority.tls("a.example")))
    assert [certificate_of(tls).names for tls in one.listen[0].tls] == [("a.example",)]
    two = loads(of(authority.tls("a.example"), authority.tls("b.example", file="b")))
    assert [certificate_of(tls).names for tls in two.listen[0].tls] == [("a.example",), ("b.example",)]
    assert loads(of("null")).listen[0].tls == []


def test_files_are_relative_to_the_file(authority):
    authority.issue("a.example")
    config = loads(of("{certificate: cert.pem, key: cert.key}"), folder=authority.folder)
    assert config.listen[0].tls[0].certificate == authority.folder / "cert.pem"


@pytest.mark.parametrize(("tls", "said"), [
    ("{certificate: cert.pem}", ["listen[0].tls.key: is missing; Its private key"]),
    ("{certificate: gone.pem, key: cert.key}",
     ["listen[0].tls.certificate: 'gone.pem' is not a file; '"]),
    ("{certificate: ., key: cert.key}",
     ["listen[0].tls.certificate: '.' is not a file; it is a folder"]),
    ("{certificate: cert.pem, key: other.key}", ["listen[0].tls: "]),
    ("[{certificate: cert.pem, key: cert.key}, {certificate: other.pem, key: cert.key}]",
     ["listen[0].tls[1]: "]),
    ("true", ["listen[0].tls: true is not a mapping (certificate:, key:)"]),
    ("{certificate: cert.pem, keys: cert.key}",
     ["listen[0].tls.key: is missing",
      "listen[0].tls.keys: 'keys' is not a key here; did you mean 'key'? (certificate, key)"]),
])
def test_what_is_wrong_is_told_where_it_is(authority, errors_of, tls, said, monkeypatch):
    authority.issue("a.example")
    authority.issue("b.example", file="other")
    monkeypatch.chdir(authority.folder)
    for name in ("cert.pem", "cert.key", "other.pem", "other.key"):
        tls = tls.replace(f" {name}", f" {authority.folder / name}")
    found = errors_of(of(tls))
    assert len(found) == len(said)
    for line, begin in zip(found, said, strict=True):
        key, _, message = begin.partition(": ")
        assert line.startswith("config.yaml:3:")
        assert line.split(": ")[1] == key
        assert message in line


def test_a_file_that_may_not_be_read(authority, errors_of, monkeypatch):
    tls = authority.tls("a.example")
    monkeypatch.setattr("proxy.config.file_rules.os.access", lambda path, mode: False)
    assert all(line.endswith("may not be read by this user") for line in errors_of(of(tls)))


def test_what_browsers_refuse_is_a_warning(authority):
    def warnings(**options):
        return list(warnings_of(loads(of(authority.tls("a.example", **options)))))

    assert warnings() == []
    [expired] = warnings(age=91)
    assert expired.startswith("config.yaml:3:11: listen[0].tls.certificate: cert.pem has expired on 20")
    [soon] = warnings(age=80)
    assert "cert.pem expires on" in soon
    [early] = warnings(age=-2)
    assert "cert.pem is not valid before" in early


def test_a_key_that_everybody_may_read(authority):
    text = of(authority.tls("a.example"))
    (authority.folder / "cert.key").chmod(0o640)
    assert warnings_of(loads(text)) == ()
    (authority.folder / "cert.key").chmod(0o644)
    [line] = warnings_of(loads(text))
    assert line.endswith("tls.key: everybody on this machine may read cert.key; chmod o= cert.key")


def test_two_for_one_name(authority):
    text = of(authority.tls("a.example", "b.example"), authority.tls("b.example", "c.example", file="second"))
    [line] = warnings_of(loads(text))
    assert line.endswith("listen[0].tls[1].certificate: listen[0].tls[0] is shown for b.example")


def test_the_key_is_never_told(authority):
    config = loads(of(authority.tls("a.example")))
    [told] = effective(config)["listen"][0]["tls"]
    assert list(told) == ["certificate", "key", "names", "expires", "mark"]
    assert told["names"] == ["a.example"]
    secret = (authority.folder / "cert.key").read_text().splitlines()[1]
    for shown in (str(effective(config)), repr(config), str(outline(config)), config.model_dump_json()):
        assert secret not in shown


def test_it_goes_to_another_process_whole(authority):
    """The files may be gone by then."""
    config = loads(of(authority.tls("a.example")))
    (authority.folder / "cert.pem").unlink()
    again = pickle.loads(pickle.dumps(config))
    assert certificate_of(again.listen[0].tls[0]) == certificate_of(config.listen[0].tls[0])


def test_a_renewal_is_a_difference(authority):
    old = loads(of(authority.tls("a.example")))
    lines = list(map(str, differences(outline(old), outline(loads(of(authority.tls("a.example", days=60)))))))
    place = f"listen[a:1].tls[{authority.folder / 'cert.pem'}]"
    assert [line.partition(": ")[0] for line in lines] == [f"{place}.expires", f"{place}.mark"]
    assert list(map(str, differences(outline(old), outline(loads(of("null")))))) == [f"{place}: removed"]
