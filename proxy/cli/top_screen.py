"""How `top` looks: one screen from a model, as wide and as high as the terminal.

The rule of this room: what is wrong stands out and comes first; nothing moves that does not change.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from proxy.cli.status import duration, milliseconds
from proxy.cli.top_model import Model

COLOURS: Final = {
    "up": "green", "full": "yellow", "warming": "cyan", "trial": "cyan", "unreachable": "bold red",
    "ejected": "bold red", "down": "bold red", "draining": "magenta", "disabled": "bright_black",
}
BAD: Final = frozenset(("lost", "ejected", "unreachable", "down", "not_reloaded", "not_upgraded"))
GOOD: Final = frozenset(("returned", "reachable", "up", "ready", "reloaded", "upgraded"))
BARS: Final = "▁▂▃▄▅▆▇█"
SPARK: Final = 20    # characters
NARROW: Final = 100  # columns; sparks, percentiles and weights need more
MOST_PROBLEMS: Final = 3
KEYS: Final = "↑↓ choose   d drain   x disable   e enable   +- weight   p pause/resume pool   q quit"
FEW_KEYS: Final = "↑↓   d drain   x disable   e enable   +- weight   p pause   q quit"

Told = dict[str, Any]
Row = tuple[Told, Told | None]  # a pool, or one of its endpoints


def screen(model: Model, console: Console) -> RenderableType:
    """Everything, cut to the terminal's height."""
    wide = console.size.width >= NARROW
    head = [*header(model, wide=wide), Text()]
    room = console.size.height - len(head) - 2  # for the keys, and for the heads of columns
    rows = window(model, room)
    left = room - len(rows) - 2  # below a rule and an empty line
    parts: list[RenderableType] = [*head, pools(model, rows, wide=wide)]
    if left > 0:
        events = list(model.events)[-left:]
        parts += [Text(), Rule("events", style="bright_black", align="left"), *map(event, events)]
        parts += [Text()] * (left - len(events))
    return Group(*parts, footer(model, wide=wide))


def window(model: Model, room: int) -> list[Row]:
    """As many rows as there is room for, with the cursor's among them."""
    rows: list[Row] = [row for pool in model.pools for row in ((pool, None), *(
        (pool, endpoint) for endpoint in pool["endpoints"]))]
    if len(rows) <= room:
        return rows
    chosen = model.chosen()
    cursor = next((at for at, row in enumerate(rows) if chosen and row[1] is chosen[1]), 0)
    first = max(0, min(cursor - room // 2, len(rows) - room))
    return rows[first:first + room]


def header(model: Model, *, wide: bool) -> Iterator[Text]:
    """How it is, how much there is to do, and what is wrong."""
    status = model.status
    if status is None:
        yield Text(model.problem or f"asking {model.address} ...", style="bold red" if model.problem else "")
        return
    line = Text(no_wrap=True, overflow="ellipsis")
    well = "bold green" if status["well"] else "bold yellow"
    line.append(f" {status['state']} ", style=f"{well} reverse")
    workers = sum(one["name"].startswith("worker") and one["state"] == "ready" for one in status["processes"])
    line.append(f"  up {duration(status['uptime'])}   generation {status['generation']}   "
                f"{workers} worker{'' if workers == 1 else 's'}   pid {status['pid']}   ")
    line.append("  ".join(status["listeners"]), style="bright_black")
    yield line
    if model.total:
        yield totals(model, wide=wide)
    if model.problem:
        yield Text(f"! {model.problem}", style="bold red", no_wrap=True, overflow="ellipsis")
    problems = status["problems"]
    for problem in problems[:MOST_PROBLEMS]:
        yield Text(f"! {problem}", style="yellow", no_wrap=True, overflow="ellipsis")
    if len(problems) > MOST_PROBLEMS:
        yield Text(f"! and {len(problems) - MOST_PROBLEMS} more", style="yellow")


def totals(model: Model, *, wide: bool) -> Text:
    total = model.total
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{total['rate']:,.0f} requests/s ", style="bold")
    if wide:
        line.append(spark(model.sparks.get((), ())), style="blue")
    line.append("   errors ")
    line.append(percent(total["errors"]), style="bold red" if total["errors"] else "")
    for name in ("p50", "p95", "p99"):
        line.append(f"   {name} {seconds(total[name])}")
    line.append(f"   {octets(total['received'])}/s in   {octets(total['sent'])}/s out")
    if "connections" in total:
        line.append(f"   {total['connections']} connections")
    return line


def pools(model: Model, rows: Sequence[Row], *, wide: bool) -> Table:
    """Each endpoint in a row, below its pool's."""
    chosen = model.chosen()
    table = Table(box=None, expand=True, pad_edge=False, header_style="bright_black", padding=(0, 1))
    table.add_column("ENDPOINT", no_wrap=True, min_width=18)
    table.add_column("STATE", no_wrap=True, min_width=11)
    for name in ("WEIGHT", "IN FLIGHT", "REQ/S") if wide else ("BUSY", "REQ/S"):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        table.add_column("", no_wrap=True, width=SPARK)
    table.add_column("ERRORS", justify="right", no_wrap=True)
    for name in ("P50", "P95", "P99") if wide else ("P95",):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for pool, endpoint in rows:
        if endpoint is None:
            table.add_row(*pool_row(model, pool, wide=wide), style="bold")
        else:
            here = chosen is not None and endpoint is chosen[1]
            row = endpoint_row(model, pool["name"], endpoint, here=here, wide=wide)
            table.add_row(*row, style="on grey23" if here else "")
    return table


def pool_row(model: Model, pool: Told, *, wide: bool) -> list[RenderableType]:
    figures = model.figures.get((pool["name"],), {})
    state = (Text("PAUSED", style="bold magenta reverse") if pool["paused"]
             else Text(f"{pool['available']}/{len(pool['endpoints'])} up",
                       style="green" if pool["available"] == len(pool["endpoints"]) else "yellow"))
    waiting = f"{pool['queue']} waiting" if pool["queue"] else ""
    weight = [""] if wide else []
    return [Text(pool["name"]), state, *weight, str(pool["in_flight"]), *counted(figures, "", wide=wide),
            Text(f"{pool['strategy']}  {waiting}", style="bright_black")]


def endpoint_row(model: Model, pool: str, endpoint: Told, *, here: bool, wide: bool) -> list[RenderableType]:
    key = pool, endpoint["address"]
    state = Text(endpoint["state"], style=COLOURS.get(endpoint["state"], ""))
    if endpoint["seconds"]:
        state.append(f" {endpoint['seconds']:.0f}s", style="bright_black")
    line = spark(model.sparks.get(key, ()))
    weight = [str(endpoint["weight"])] if wide else []
    return [Text(f"{'>' if here else ' '} {endpoint['address']}"), state, *weight, flights(endpoint),
            *counted(model.figures.get(key, {}), line, wide=wide), reason(endpoint)]


def counted(figures: Told, line: str, *, wide: bool) -> list[RenderableType]:
    """Rate, spark, errors and percentiles."""
    percentiles = ("p50", "p95", "p99") if wide else ("p95",)
    sparks: list[RenderableType] = [Text(line, style="blue")] if wide else []
    if not figures:
        return ["", *sparks, "", *[""] * len(percentiles)]
    errors = Text(percent(figures["errors"]), style="bold red" if figures["errors"] else "bright_black")
    return [f"{figures['rate']:,.1f}", *sparks, errors, *(seconds(figures[name]) for name in percentiles)]


def flights(endpoint: Told) -> str:
    most = endpoint["max_connections"]
    return f"{endpoint['in_flight']}/{most}" if most else str(endpoint["in_flight"])


def reason(endpoint: Told) -> Text:
    """Why it does not work, or where the workers do not agree."""
    if endpoint["workers"]:
        found = ", ".join(f"{view['worker']}: {view['state']}" for view in endpoint["workers"])
        return Text(found, style="yellow")
    return Text("" if endpoint["state"] == "up" else endpoint["reason"], style="bright_black")


def event(record: Told) -> Text:
    when = time.strftime("%H:%M:%S", time.localtime(record["time"]))
    line = Text(f"{when} ", style="bright_black", no_wrap=True, overflow="ellipsis")
    kind = record["kind"]
    line.append(f"{kind:<12} ", style="red" if kind in BAD else "green" if kind in GOOD else "magenta")
    about = " ".join(filter(None, (record["pool"], record["endpoint"])))
    line.append(f"{about} " if about else "", style="bold default")
    line.append(f"{record['text']} ", style="default")
    line.append(record["from"], style="bright_black")
    return line


def footer(model: Model, *, wide: bool) -> Text:
    if model.question:
        return Text(f" {model.question}  y/n ", style="bold black on yellow", no_wrap=True)
    keys = KEYS if wide else FEW_KEYS
    return Text(model.said or keys, style="bold" if model.said else "bright_black", no_wrap=True,
                overflow="ellipsis")


def spark(rates: Sequence[float] | Any) -> str:
    """The last ones as bars; the highest of them is a whole one."""
    last = list(rates)[-SPARK:]
    most = max(last, default=0.0)
    if not most:
        return " " * (SPARK - len(last)) + BARS[0] * len(last)
    bars = [BARS[min(len(BARS) - 1, int(rate / most * (len(BARS) - 1) + 0.5))] for rate in last]
    return "".join(bars).rjust(SPARK)


def percent(share: float) -> str:
    return "0%" if not share else f"{share:.1%}" if share >= 0.001 else "<0.1%"


def seconds(value: float | None) -> str:
    return "-" if value is None else milliseconds(value)


def octets(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"
