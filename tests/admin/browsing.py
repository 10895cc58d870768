"""A real Chromium before the dashboard, and a desk without a proxy that tells what a test wants."""

import asyncio
import threading
from contextlib import contextmanager
from importlib.resources import files
from shutil import which
from types import SimpleNamespace

from aiohttp import web
from playwright.sync_api import sync_playwright

from proxy.admin.history import History
from proxy.admin.site import make_app
from proxy.admin.view import View
from proxy.config.address import Address
from proxy.config.admin_schema import AdminConfig
from proxy.observe.board import Board
from proxy.observe.columns import STANDINGS
from proxy.observe.counters import Counters
from proxy.observe.events import EventLog, event

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
PATIENCE = 15_000  # ms


@contextmanager
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser, url, *, dark=False, viewport=DESKTOP):
    """A tab with the page; in the end nothing may have gone wrong in it."""
    phone = viewport["width"] < 600
    scheme = "dark" if dark else "light"
    context = browser.new_context(color_scheme=scheme, viewport=viewport, is_mobile=phone, has_touch=phone)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text
            else None)
    try:
        page.goto(url)
        yield page
        assert not complaints
    finally:
        context.close()


def violations(page):
    """What axe finds wrong, in short."""
    page.evaluate(AXE)
    told = page.evaluate("axe.run()")
    assert len(told["passes"]) > 10  # a dialog hides the rest
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in told["violations"]]


def focused(page, name):
    """Press Tab until a button of that name has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == name:
            return
    raise AssertionError(f"no Tab leads to {name!r}")


class Desk:
    """The admin site in a thread; the other processes are what a test says they are.

    Attributes:
        pools, requests: what the worker tells; `certificates`: the supervisor.
        orders: what the supervisor was told.
    """

    def __init__(self, pools, requests=(), token=None, certificates=()):
        self.pools = pools
        self.requests = list(requests)
        self.certificates = list(certificates)
        self.orders = []
        self.events = EventLog()
        self._admin = AdminConfig(address=Address("127.0.0.1", 0), token=token)
        self._board = Board(3, shared=False)
        self.counters = Counters(self._board.row(self._board.take()))
        self.counters.show({"shop": "web"}, [pool["name"] for pool in pools])
        for pool in pools:
            self.counters.pool(pool["name"])
            for one in pool["endpoints"]:
                tally = self.counters.endpoint(pool["name"], one["address"])
                tally.answered(200, 0.02)
                tally.gauge("standing", STANDINGS.index("up"))
        self.counters.show({}, [pool["name"] for pool in pools])
        self.counters.tick(0.0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def ask(self, of, what, args=None, **options):
        answers = {"pools": self.pools, "requests": {"last": self.requests, "remarkable": []},
                   "status": {"pid": 1, "version": "1", "state": "running", "generation": 1, "started": 1.0,
                              "listeners": [], "admin": [], "processes": [],
                              "certificates": self.certificates, "reload": None}}
        if what not in answers:
            self.orders.append((what, args))
        return SimpleNamespace(values={"worker 0": answers.get(what)}, errors={})

    def tell(self, kind, text, **about):
        self.events.number(event(kind, text, **about), "worker 0")

    async def _start(self):
        history = History(self._board)
        history.sample(history._looks[-1].time + 1)
        self._runner = web.AppRunner(
            make_app(self._admin, View(self, self.events, history)), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = "http://{}:{}/".format(*site._server.sockets[0].getsockname())

    def __enter__(self):
        self._thread.start()
        self._do(self._start())
        return self

    async def _end_tasks(self):
        """The stream's beat goes on for a while after the last viewer; others count the tasks there are."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def __exit__(self, *_):
        self._do(self._runner.cleanup())
        self._do(self._end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
