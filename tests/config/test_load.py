import time

import pytest

from proxy.config.load import LARGEST, ConfigError, ConfigErrors, load, loads


def error_of(path):
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    return str(caught.value)


def test_a_file_is_read(site, good, monkeypatch):
    file = site / "config.yaml"
    file.write_text("\ufeff" + good.replace("reverse_proxy: web", "static: {root: '${FOLDER}'}"), "utf-8")
    monkeypatch.setenv("FOLDER", "public")
    assert load(file).routes[0].static.root == site / "public"


def test_paths_are_relative_to_the_file_wherever_one_stands(site, good, monkeypatch):
    (site / "config.yaml").write_text(good.replace("reverse_proxy: web", "static: {root: public}"))
    (site / "elsewhere").mkdir()
    monkeypatch.chdir(site / "elsewhere")
    assert load("../config.yaml").routes[0].static.root == site / "elsewhere/../public"
    monkeypatch.chdir(site)
    assert load("config.yaml").routes[0].static.root == site / "public"


def test_the_environment_is_looked_at_when_it_is_needed(good, monkeypatch):
    monkeypatch.setenv("WORKERS", "3")
    assert loads(good + "workers: ${WORKERS}").workers == 3


def test_errors_name_the_file_as_it_was_given(site, monkeypatch):
    (site / "bad.yaml").write_text("listen: 1\nroutes: [{respond: {}}]")
    monkeypatch.chdir(site)
    assert error_of("./bad.yaml").startswith("./bad.yaml:1:1: listen: 1 is not an address")


def test_files_that_cannot_be_read(site):
    assert error_of(site / "none.yaml") == f"{site}/none.yaml: there is no such file"
    assert error_of(site) == f"{site}: is a folder, not a file"
    assert error_of(site / "file/x") == f"{site}/file/x: cannot be read: not a directory"
    assert error_of("a\0b") == "a\0b: is not the name of a file"


def test_a_file_that_may_not_be_read(site, monkeypatch):
    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert error_of("secret.yaml") == "secret.yaml: may not be read by this user"


def test_a_file_without_end():
    assert (
        error_of("/dev/zero") == f"/dev/zero: holds more than {LARGEST >> 20}MiB, which is no configuration"
    )


@pytest.mark.parametrize(
    "data, place",
    [
        (b"a: \xff", "1:4"),
        (b"\xef\xbb\xbfa: \xff", "1:4"),
        ("é: 1\nü: ".encode() + b"\xfc\n", "2:4"),
        (b"\xff\xfea\0", "1:1"),
    ],
)
def test_what_is_not_utf_8(site, data, place):
    (site / "latin.yaml").write_bytes(data)
    line = error_of(site / "latin.yaml")
    assert line.startswith(f"{site}/latin.yaml:{place}: the octet 0x")
    assert line.endswith("is not UTF-8")


def test_errors_are_sorted_and_hold_their_parts(site, good):
    with pytest.raises(ConfigErrors) as caught:
        loads(good + "workers: 0\nnone: 1\n", "f.yaml", site)
    first, second = caught.value.errors
    assert (first.file, first.line, first.column, first.path) == ("f.yaml", 4, 1, "workers")
    assert (second.line, second.path) == (5, "none")
    assert str(caught.value) == f"{first}\n{second}"
    assert str(ConfigError("f", 0, 0, "", "gone")) == "f: gone"


def test_a_large_file_is_quick(good):
    endpoints = "".join(f"      - 10.0.{n // 250}.{n % 250}:8000\n" for n in range(500))
    routes = "".join(
        f"  - match: {{host: h{n}.example.com, path: [/a{n}/*, /b{n}], method: [GET, POST]}}\n"
        "    reverse_proxy: web\n"
        for n in range(1000)
    )
    text = f"listen: a:1\npools:\n  web:\n    endpoints:\n{endpoints}routes:\n{routes}"
    config = loads(text)
    assert (len(config.routes), len(config.pools["web"].endpoints)) == (1000, 500)
    assert min(cpu_seconds(text) for _ in range(3)) < 0.3  # 0.08 to 0.17 measured on a busy machine


def cpu_seconds(text):
    began = time.process_time()
    loads(text)
    return time.process_time() - began
