"""The same faults for this proxy, nginx and HAProxy, and one table of what visitors had of them.

    python -m tests.faults.compare                     all faults, about six minutes
    python -m tests.faults.compare kill --quick        one of them, a shorter load

Each has three endpoints, 300 requests a second of which half are POSTs, and is configured as a careful
operator would: they give up on a response's head after a second, leave an endpoint out for 10 s after
three failures, try a GET again elsewhere after a reset, a timeout and 502 to 504, and a POST only if it
was not sent. HAProxy also checks its servers each second and judges them by their answers (`observe
layer7`); what only one of them has (HAProxy's checks, our queue and our share of failures) is used.

`closed` are kept client connections that the proxy closed without an answer to a request: the client sends
it again, be it a POST or not, and only what comes of that is counted as failed or not.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from benchmarks.machine import program
from tests.faults.chaos import three_origins
from tests.faults.load import CUT, OK, RACED, WRONG, Load, half_posts, quantile
from tests.faults.stage import FaultStage, Kills, Outage, configuration
from tests.scenarios.support import HOST, Program, free_port, wait_until

COLUMNS = ("fault", "proxy", "sent", "GETs failed", "POSTs failed", "closed", "cut", "wrong",
           "p99 ms", "max ms")


# The proxies.

class Other(Program):
    """A proxy that says nothing when it is ready: it is asked until it listens."""

    def __init__(self, command, path, port):
        self.place = HOST, port
        super().__init__(command, path, {})

    def wait_ready(self):
        wait_until(self._listens, "a listening proxy")

    def _listens(self):
        self._check_alive()
        with socket.socket() as sock:
            return sock.connect_ex(self.place) == 0


def ours(stage, addresses):
    limits = "timeouts: {connect: 1s, response_head: 1s}"
    return stage.proxy(configuration(*addresses, pool="queue: {size: 200, timeout: 10s}", more=limits))


def nginx(stage, addresses):
    port, folder = free_port(), stage.folder / stage._name("nginx")
    folder.mkdir()
    servers = " ".join(f"server {address} max_fails=3 fail_timeout=10s;" for address in addresses)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    config = f"""\
daemon off; user root; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  {" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)}
  upstream web {{ zone web 64k; {servers} keepalive 64; }}
  server {{
    listen {HOST}:{port};
    location / {{
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_connect_timeout 1s;
      proxy_read_timeout 1s;
      proxy_next_upstream error timeout http_502 http_503 http_504;
      proxy_next_upstream_tries 3;
    }}
  }}
}}
"""
    file = folder / "nginx.conf"
    file.write_text(config)
    return start(stage, [program("nginx"), "-c", str(file), "-e", f"{folder}/error.log"], port)


def haproxy(stage, addresses):
    port = free_port()
    observe = "observe layer7 error-limit 3 on-error mark-down"
    servers = "\n".join(f"  server s{at} {address} check inter 1s fall 3 rise 2 {observe}"
                        for at, address in enumerate(addresses))
    config = f"""\
global
  maxconn 8000
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 75s
  timeout server 1s
  timeout queue 10s
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response junk-response response-timeout 502 503 504
frontend clients
  bind {HOST}:{port}
  default_backend web
backend web
  http-request disable-l7-retry if METH_POST
  option httpchk GET /load
{servers}
"""
    file = stage.folder / f"{stage._name('haproxy')}.cfg"
    file.write_text(config)
    return start(stage, [program("haproxy"), "-db", "-f", str(file)], port)


def start(stage, command, port):
    other = Other(command, stage.folder / stage._name("other"), port)
    stage.push(other.end)
    other.wait_ready()
    return other


PROXIES = {"ours": ours, "nginx": nginx, "haproxy": haproxy}


# The faults: each plays with a proxy that `begin` starts, and returns the outcomes.



async def kill(stage, begin, quick):
    """One of three is killed, again and again."""
    return await killed(stage, begin, 1 if quick else 6, same=True)


async def rolling(stage, begin, quick):
    """Each of them is killed in its turn, twice: by SIGKILL, so this is no graceful restart.

    Of ours only POSTs fail that an endpoint had begun: all of them were sent within the 30 ms before a kill
    that each takes, and nobody can know whether they were executed. A TERM costs none (`test_restarts`).
    """
    return await killed(stage, begin, 3 if quick else 6, same=False)


async def killed(stage, begin, times, *, same):
    kills = Kills(stage)
    proxy = begin(stage, kills.addresses)
    async with Load(proxy.place, half_posts(1, "delay=0.03")) as load:
        for _ in range(times):
            await load.more(200)
            origin = kills.kill()
            await load.more(100)
            await kills.start(origin, first=same)
        await load.more(300)
    return load.outcomes


async def hang(stage, begin, quick):
    """One accepts and never answers, for half a minute."""
    return await twisted(stage, begin, lambda wish: replace(wish, fault="silence"), 600 if quick else 9000)


async def half500(stage, begin, quick):
    """One answers half of its requests with 500, for half a minute."""
    chance = random.Random(4)
    return await twisted(
        stage, begin, lambda wish: replace(wish, status=chance.choice((200, 500))), 600 if quick else 9000)


async def twisted(stage, begin, twist, count):
    async with three_origins() as origins:
        proxy = begin(stage, [origin.address for origin in origins])
        async with Load(proxy.place, half_posts(2), connections=150) as load:
            await load.more(900)
            origins[0].twist = twist
            await load.more(count)
    return load.outcomes


async def outage(stage, begin, quick):
    """All are away for 5 s."""
    away = Outage(stage)
    proxy = begin(stage, away.addresses)
    async with Load(proxy.place, half_posts(3, "delay=0.03"), connections=100) as load:
        await load.more(600)
        await away.pass_over()
        await load.more(300 if quick else 1500)
    return load.outcomes


FAULTS = {"kill": kill, "rolling": rolling, "hang": hang, "half500": half500, "outage": outage}


# The table.

def row(fault, proxy, outcomes):
    kinds = Counter(one.kind for one in outcomes)
    outcomes = [one for one in outcomes if one.kind != RACED]
    failed = Counter(one.ask.method for one in outcomes if one.kind not in (OK, CUT, WRONG))
    times = (f"{quantile(outcomes, part) * 1000:.0f}" for part in (0.99, 1.0))
    return (fault, proxy, len(outcomes), failed["GET"], failed["POST"],
            kinds[RACED], kinds[CUT], kinds[WRONG], *times)


def line(values):
    first, second, *figures = map(str, values)
    return f"{first:8} {second:8}" + "".join(
        f"{figure:>{max(len(name), 6) + 2}}" for figure, name in zip(figures, COLUMNS[2:], strict=True))


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.faults.compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fault", nargs="*", metavar="FAULT", help=f"{', '.join(FAULTS)}; without any, all")
    parser.add_argument("--quick", action="store_true", help="a shorter load")
    options = parser.parse_args()
    if unknown := set(options.fault) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(unknown)}")
    print(line(COLUMNS), flush=True)
    for fault in options.fault or FAULTS:
        for name, begin in PROXIES.items():
            with tempfile.TemporaryDirectory() as folder, FaultStage(Path(folder)) as stage:
                outcomes = asyncio.run(FAULTS[fault](stage, begin, options.quick))
            print(line(row(fault, name, outcomes)), flush=True)


if __name__ == "__main__":
    main()
