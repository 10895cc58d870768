"""What stands behind the proxies, on the load's CPU: a bare nginx, or Flask under gunicorn."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import configs, mix
from benchmarks.machine import program
from benchmarks.process import free_port, running, wait_until_ready
from benchmarks.subjects import ROOT

SMALL_BODY = "Hello, World!\\n"  # 14 octets; escaped for nginx
FILES = {"1k.html": 2**10, "64k.html": 2**16, "10m.bin": 10 * 2**20}


def make_site(folder: Path) -> Path:
    """A folder of static files; their octets do not repeat."""
    site = folder / "site"
    site.mkdir()
    for name, size in FILES.items():
        (site / name).write_bytes(os.urandom(size))
    mix.make_files(site)
    return site


def make_pem(folder: Path) -> Path:
    """A key on the curve P-256 and a certificate that nobody should believe, in one file."""
    import trustme  # comes with the development packages; `--list` needs none

    pem = folder / "both.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    return pem


@contextmanager
def nginx_origin(folder: Path, site: Path, cpu: int) -> Iterator[int]:
    """Answers `/` with 14 octets, `/files/` from `site`, and `/upload` after the body; gives its port."""
    port, config, log = free_port(), folder / "origin.conf", folder / "origin.log"
    config.write_text(configs.origin(port, site, folder, SMALL_BODY))
    command = [program("nginx"), "-c", str(config), "-e", str(log)]
    with running(command, cpu, log) as process:
        wait_until_ready(process, port, "/", log)
        yield port


@contextmanager
def flask_origin(folder: Path, cpu: int) -> Iterator[int]:
    """The Flask application under gunicorn, one process with four threads; gives its port."""
    port, log = free_port(), folder / "gunicorn.log"
    command = [
        sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", "4", "--worker-class", "gthread",
        "--keep-alive", "75", "--bind", f"127.0.0.1:{port}", "benchmarks.flask_app:app",
    ]
    with running(command, cpu, log, {"PYTHONPATH": str(ROOT)}) as process:
        wait_until_ready(process, port, "/hello/world", log)
        yield port
