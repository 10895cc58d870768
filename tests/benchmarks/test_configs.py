import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks import configs
from benchmarks.configs import Setup

FIELDS = (
    "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-IP",
    "X-Request-ID", "Via",
)


@pytest.fixture
def setup(tmp_path):
    return Setup(listen=18001, upstream=18002, site=tmp_path, folder=tmp_path)


def test_ours_is_yaml_with_one_worker_and_no_log(setup):
    told = yaml.safe_load(configs.ours(setup))
    assert (told["listen"]["address"], told["workers"], told["access_log"]) == ("127.0.0.1:18001", 1, False)
    assert told["pools"]["web"]["endpoints"] == ["127.0.0.1:18002"]
    assert [sorted(route) for route in told["routes"]] == [["match", "static"], ["reverse_proxy"]]


def test_ours_logs_to_a_file_when_asked(tmp_path):
    told = yaml.safe_load(configs.ours(Setup(1, 2, tmp_path, tmp_path, logged=True)))
    assert told["access_log"] == {"path": str(tmp_path / "access.log"), "format": "combined"}


def test_ours_with_nothing_and_with_everything(setup):
    bare, full = (yaml.safe_load(make(setup)) for make in (configs.ours_bare, configs.ours_full))
    assert (bare["workers"], bare["recent"], bare["access_log"], "admin" in bare) == (1, False, False, False)
    assert (full["workers"], "recent" in full, full["access_log"]["format"]) == (2, False, "json")
    assert full["admin"] == f"unix:{setup.folder}/admin.sock"
    assert (bare["pools"], bare["routes"]) == (full["pools"], full["routes"])


@pytest.mark.parametrize("make", [configs.nginx, configs.haproxy])
def test_the_others_set_the_same_fields(make, setup):
    told = make(setup)
    assert [name for name in FIELDS if name not in told] == []


def test_nginx_logs_only_when_asked(tmp_path):
    assert "access_log off;" in configs.nginx(Setup(1, 2, tmp_path, tmp_path))
    assert f"access_log {tmp_path}/access.log combined" in configs.nginx(
        Setup(1, 2, tmp_path, tmp_path, logged=True)
    )


def find(program):
    return shutil.which(program) or f"/usr/sbin/{program}"


@pytest.mark.program("nginx")
@pytest.mark.parametrize("logged", [False, True])
def test_nginx_accepts_its_configuration(tmp_path, logged):
    accepts_nginx(configs.nginx(Setup(18001, 18002, tmp_path, tmp_path, logged)), tmp_path)


@pytest.mark.program("nginx")
def test_nginx_accepts_the_origin(tmp_path):
    accepts_nginx(configs.origin(18001, tmp_path, tmp_path, "hello"), tmp_path)


def accepts_nginx(text: str, folder: Path):
    config = folder / "nginx.conf"
    config.write_text(text)
    accepts("nginx", "-t", "-c", config, "-e", folder / "log")


def accepts(program: str, *arguments: object):
    command = [find(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.program("haproxy")
def test_haproxy_accepts_its_configuration(setup):
    config = setup.folder / "haproxy.cfg"
    config.write_text(configs.haproxy(setup))
    accepts("haproxy", "-c", "-f", config)
