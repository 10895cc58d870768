"""`top`: the running proxy, live."""

from __future__ import annotations

import argparse
import queue
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from proxy.cli.admin import NOT_RUNNING, Admin, NotReached, Refused, add_admin_option, admin_of
from proxy.cli.keys import pressed, raw
from proxy.cli.top_model import Model

if TYPE_CHECKING:
    from rich.live import Live

HELP = "watch the running proxy live, and drain, disable or pause with a key"
TEACHING = """\
examples:
  python -m proxy top -c config.yaml
  python -m proxy top --admin 127.0.0.1:9000 --once    one look, without keys

It needs rich: pip install 'pyfront[cli]'
exit status: 0 done, 2 the proxy is not running, or cannot be asked
"""

PAUSE: Final = 1.0  # seconds between two attempts
STEPS: Final = {"up": -1, "k": -1, "down": 1, "j": 1}
ORDERS: Final = {"d": "drain", "x": "disable", "e": "enable"}
MOST_WEIGHT: Final = 1000

News = tuple[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    add_admin_option(parser)
    parser.add_argument("--once", action="store_true", help="print one screen, and end")


def main(arguments: argparse.Namespace) -> int:
    try:
        import rich  # noqa: F401  # an extra: looked for before anything is asked
    except ImportError:
        print("top needs rich: pip install 'pyfront[cli]'", file=sys.stderr)
        return NOT_RUNNING
    admin = admin_of(arguments)
    try:
        admin.get("/api/status")
        look_once(admin) if arguments.once else watch(admin)
    except (NotReached, Refused) as error:
        print(error, file=sys.stderr)
        return NOT_RUNNING
    return 0


def look_once(admin: Admin) -> None:
    """As soon as everything has been told."""
    from rich.console import Console

    from proxy.cli.top_screen import screen

    model, console = Model(str(admin.address)), Console()
    for record in admin.get("/api/events?limit=10")["events"]:
        model.take("event", record)
    for name, value in admin.stream("/api/stream"):
        model.take(name, value)
        if name == "metrics":
            break
    console.print(screen(model, console))


def watch(admin: Admin) -> None:
    """Until a key says so."""
    from rich.console import Console
    from rich.live import Live

    from proxy.cli.top_screen import screen

    model, console = Model(str(admin.address)), Console()
    news: queue.Queue[News] = queue.Queue()
    beside(follow, admin, news)
    with raw() as has_keys, Live(console=console, screen=True, auto_refresh=False) as live:
        if has_keys:
            beside(listen, news)
        show(live, Operator(admin, model), news, lambda: screen(model, console))


def beside(work: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def follow(admin: Admin, news: queue.Queue[News]) -> None:
    """Have every frame as news, and why there is none; a desk that is replaced is asked again."""
    waiting, seen = threading.Event(), 0
    while True:
        try:
            for name, value in admin.stream("/api/stream", seen):
                news.put((name, value))
                if name == "event":
                    seen = value["id"]
        except (NotReached, Refused) as error:
            news.put(("problem", {"detail": str(error)}))
            waiting.wait(PAUSE)


def listen(news: queue.Queue[News]) -> None:
    for key in pressed():
        news.put(("key", key))


def show(live: Live, operator: Operator, news: queue.Queue[News], draw: Callable[[], Any]) -> None:
    """Draw what is new, as long as the user wants."""
    while True:
        live.update(draw(), refresh=True)
        name, value = news.get()
        if name != "key":
            operator.model.take(name, value)
        elif not operator.press(value):
            return


class Operator:
    """What keys do."""

    def __init__(self, admin: Admin, model: Model) -> None:
        self._admin = admin
        self.model = model
        self._wanted: tuple[str, dict[str, Any]] | None = None

    def press(self, key: str) -> bool:
        """Do what a key stands for; False if that is the end."""
        self.model.said = ""
        if self._wanted is not None:
            self._answer(yes=key == "y")
        elif key == "q":
            return False
        elif key in STEPS:
            self.model.move(STEPS[key])
        else:
            self._ask(key)
        return True

    def _ask(self, key: str) -> None:
        """What changes something is asked first."""
        chosen = self.model.chosen()
        if chosen is None:
            return
        pool, endpoint = chosen
        path = f"/api/pools/{quote(pool['name'], safe='')}"
        place = f"{path}/endpoints/{quote(endpoint['address'], safe='')}"
        if key in ORDERS:
            self._want(f"{ORDERS[key]} {endpoint['address']}?", f"{place}/{ORDERS[key]}")
        elif key in ("+", "-"):
            weight = max(1, min(endpoint["weight"] + (1 if key == "+" else -1), MOST_WEIGHT))
            self._want(f"weight {weight} for {endpoint['address']}?", f"{place}/weight", weight=weight)
        elif key == "p":
            what = "resume" if pool["paused"] else "pause"
            self._want(f"{what} the pool {pool['name']}?", f"{path}/{what}")

    def _want(self, question: str, path: str, **value: Any) -> None:
        self.model.question = question
        self._wanted = path, value

    def _answer(self, *, yes: bool) -> None:
        wanted, self._wanted = self._wanted, None
        question, self.model.question = self.model.question.rstrip("?"), ""
        if not yes or wanted is None:
            self.model.said = f"not done: {question}"
            return
        try:
            self._admin.post(*wanted)
            self.model.said = f"done: {question}"
        except (NotReached, Refused) as error:
            self.model.said = f"{question}: {error}"
