"""The load of small answers: wrk, driven by a Lua script that is written here.

How clients differ, exactly: wrk runs one thread per client, and every thread has its own header
block (`browsers`), made once in `init`. A connection belongs to one thread, so all that
comes over one connection comes with the same block, and connections of two clients never share one.
With `varying`, a counter in the cookie makes every request of every connection different, so
that nothing that remembers header blocks can win by it. With `mix`, each client asks for one file after
another of many, as `mix` says. With `known`, clients have the file and ask whether it is still the same;
a proxy that sends it all the same fails the case. With `fresh`, each request asks for `Connection:
close` and wrk connects anew; wrk times a request from its first byte sent, so the
connecting is in the CPU time and the rate, but not in p50 and p99.

The loop is closed (a client waits for its answer before it asks again): percentiles are those of a
proxy at its limit, not at some rate that all can serve. With `pause_ms` every connection waits about
so long before each request, which wrk does not count as time of the answer: `pace` makes half load of it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks import mix
from benchmarks.browsers import browser_fields, request_head
from benchmarks.machine import program

COUNTER = "@@COUNTER@@"
NAME = "@@NAME@@"
_MARK = "result:"
_DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('result:{"requests":%d,"seconds":%.6f,"errors":%d,"p50_ms":%.4f,"p99_ms":%.4f}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk is to send; `validators` are filled in for each proxy where `known` is true."""

    path: str
    clients: int = 16
    connections_each: int = 4
    varying: bool = False
    mix: bool = False
    known: bool = False
    fresh: bool = False
    pause_ms: float = 0.0
    validators: tuple[tuple[str, str], ...] = ()

    @property
    def connections(self) -> int:
        return self.clients * self.connections_each


@dataclass(frozen=True)
class Answers:
    """What wrk counted."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def script(load: Load) -> str:
    """The Lua script of a load."""
    heads = [_head(load, client) for client in range(load.clients)]
    listed = ",\n".join(map(lua_string, heads))
    sending = _VARYING if load.varying else _mixed(load.clients) if load.mix else _STEADY
    parts = [_SETUP, sending, _pause(load.pause_ms), _DONE]
    return f"local heads = {{\n{listed}\n}}\n" + "".join(parts)


def _mixed(clients: int) -> str:
    names = ", ".join(lua_string(mix.name(number)) for number in range(mix.FILES))
    turns = ",\n".join(
        "{" + ",".join(str(number + 1) for number in mix.choices(client)) + "}" for client in range(clients)
    )
    return f"local names = {{ {names} }}\nlocal turns = {{\n{turns}\n}}\n{_MIXED}"


def _pause(mean_ms: float) -> str:
    """Evenly spread from nought to twice the mean, so that connections do not fall into step."""
    return _PAUSE.replace("@@TWICE@@", f"{2 * mean_ms:.4f}") if mean_ms else ""


def _head(load: Load, client: int) -> str:
    fields = browser_fields(client, keep_alive=not load.fresh)
    if load.varying:
        fields = [(n, f"visit={COUNTER}; {v}" if n == "Cookie" else v) for n, v in fields]
    return request_head(load.path + NAME if load.mix else load.path, [*fields, *load.validators])


def lua_string(text: str) -> str:
    """A Lua string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
    return f'"{escaped}"'


_SETUP = """
local threads = 0
function setup(thread)
  thread:set("client", threads)
  threads = threads + 1
end
"""

# Without a `request` of ours wrk asks for the text once per thread and sends it for ever: cheapest.
_STEADY = """
function init(args)
  local head = heads[client % #heads + 1]
  wrk.format = function() return head end
end
"""

_VARYING = f"""
local before, after, count
function init(args)
  local head = heads[client % #heads + 1]
  local from, to = head:find("{COUNTER}", 1, true)
  before, after, count = head:sub(1, from - 1), head:sub(to + 1), client * 100000000
end
function request()
  count = count + 1
  return before .. count .. after
end
"""

# All requests are made before the first is sent; a client's header block is the same with every one.
_MIXED = f"""
local requests, count = {{}}, 0
function init(args)
  local head = heads[client % #heads + 1]
  local from, to = head:find("{NAME}", 1, true)
  for place, number in ipairs(turns[client % #turns + 1]) do
    requests[place] = head:sub(1, from - 1) .. names[number] .. head:sub(to + 1)
  end
end
function request()
  count = count % #requests + 1
  return requests[count]
end
"""

# wrk takes whole milliseconds and cuts off the rest: adding a random part of one keeps the mean. Threads
# draw from the same numbers unless each is given a seed.
_PAUSE = """
local seeded = false
function delay()
  if not seeded then
    math.randomseed(client + 1)
    seeded = true
  end
  return math.floor(math.random() * @@TWICE@@ + math.random())
end
"""


def run(load: Load, port: int, seconds: float, folder: Path, *, secure: bool = False) -> Answers:
    """Send a load and count; the script stays in `folder`."""
    lua = folder / "load.lua"
    lua.write_text(script(load))
    command = [
        program("wrk"), "--threads", str(load.clients),
        "--connections", str(load.connections),
        "--duration", f"{max(1, round(seconds))}s", "--timeout", "10s",
        "--script", str(lua), f"{'https' if secure else 'http'}://127.0.0.1:{port}{load.path}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    return parse(done.stdout, done.stderr)


def parse(output: str, complaints: str = "") -> Answers:
    """What the script's `done` wrote among wrk's own words."""
    for line in output.splitlines():
        if line.startswith(_MARK):
            return Answers(**json.loads(line.removeprefix(_MARK)))
    raise RuntimeError(f"wrk gave no result:\n{output}{complaints}")
