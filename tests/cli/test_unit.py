import pwd
import subprocess

import pytest

from proxy import cli
from proxy.cli.unit import _word, template

CONFIG = """
listen: [0.0.0.0:80, '[::]:80', 'unix:/run/web.sock', 127.0.0.1:0]
timeouts: {drain: 45s}
routes: [{respond: {}}]
"""


@pytest.fixture
def unit(tmp_path, capsys):
    """A function from options to what is printed for a configuration in an odd folder."""
    folder = tmp_path / "50% off"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)

    def call(*options):
        assert cli.main(["unit", "-c", str(folder / "config.yaml"), *options]) == 0
        return capsys.readouterr().out

    return call


def keys(text):
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def test_a_service(unit):
    found = keys(unit("--name", "front"))
    assert found["Type"] == "notify"
    assert found["ExecStart"].endswith('50%% off/config.yaml"')
    assert " -m proxy reload -c " in found["ExecReload"]
    assert found["WorkingDirectory"].endswith("/50%% off")
    assert found["TimeoutStopSec"] == "55"
    assert found["RuntimeDirectory"] == "front"


def test_a_socket(unit):
    streams = [line for line in unit("--socket").splitlines() if line.startswith("ListenStream=")]
    assert streams == ["ListenStream=0.0.0.0:80", "ListenStream=[::]:80", "ListenStream=/run/web.sock"]


@pytest.mark.program("systemd-analyze")
def test_systemd_understands_them(unit, tmp_path):
    (tmp_path / "proxy.service").write_text(unit())
    (tmp_path / "proxy.socket").write_text(unit("--socket"))
    files = [tmp_path / "proxy.service", tmp_path / "proxy.socket"]
    command = ["systemd-analyze", "verify", "--man=no", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "proxy." in line]
    assert not ours


def test_a_dockerfile_without_root(capsys):
    assert cli.main(["unit", "--dockerfile"]) == 0
    printed = capsys.readouterr().out
    assert printed == template("Dockerfile")
    steps = [line.split(maxsplit=1) for line in printed.splitlines() if line[:1].isupper()]
    users = [words for step, words in steps if step == "USER"]
    assert users == ["10001"]
    assert dict(steps)["ENTRYPOINT"] == '["python", "-m", "proxy"]'
    after = [step for step, _ in steps[[step for step, _ in steps].index("USER"):]]
    assert "RUN" not in after
    [made] = [words for step, words in steps if step == "RUN" and words.startswith("useradd")]
    with pytest.raises(KeyError):  # one of Debian's own, like `proxy`, is taken
        pwd.getpwnam(made.split()[-1])


@pytest.mark.parametrize("text, word", [
    ("/usr/bin/python", "/usr/bin/python"), ("/a b", '"/a b"'), ('/a"b', '"/a\\"b"'), ("/a%b$c", "/a%%b$$c")])
def test_words_of_a_command_line(text, word):
    assert _word(text) == word


def test_a_name_that_is_none(capsys):
    with pytest.raises(SystemExit):
        cli.main(["unit", "--name", "a/b"])
    assert "'a/b' is not a service's name" in capsys.readouterr().err
