"""The dashboard before a real proxy under load: live figures, orders by keyboard, ejections with evidence."""

import os
import signal
import threading

import psutil
import pytest

from tests.admin.browsing import PHONE, chromium, focused, opened, violations
from tests.scenarios.support import OK, ask, wait_until

pytestmark = [pytest.mark.scenario, pytest.mark.program("chromium")]

DASH = "\N{EN DASH}"  # for a figure that is not there
BROKEN = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def browser():
    with chromium() as made:
        yield made


class Visitors:
    """They ask all the time, one after the other, and look at what they get."""

    def __init__(self, proxy):
        self._proxy = proxy
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.statuses = []

    def _run(self):
        while not self._end.wait(0.02):
            self.statuses.append(ask(self._proxy, f"/cart?n={len(self.statuses)}").status)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


def row(page, address):
    return page.get_by_role("row").filter(has_text=address).first


def test_figures_live_under_load(stage, browser):
    first, second = stage.origin(OK), stage.origin(OK)
    proxy, api = stage.governed(first.address, second.address, more="workers: 2")
    with Visitors(proxy), opened(browser, api.url) as page:
        tile = page.locator("#tiles dd").first
        wait_until(lambda: float(tile.inner_text().replace(DASH, "0")) > 5, "a rate")
        assert page.locator("#tiles dd").nth(2).inner_text().endswith("ms")
        assert page.locator("#health").inner_text() == "all is well"
        for origin in (first, second):
            rate = row(page, origin.address).locator("td[data-name='Requests/s'] span")
            wait_until(lambda rate=rate: float(rate.inner_text()) > 1, "its rate")
            assert row(page, origin.address).locator("svg path").nth(1).get_attribute("d").startswith("M")
        latency = page.locator(".plot").nth(1)
        wait_until(lambda: f"p99 {DASH}" not in latency.get_attribute("aria-label"), "percentiles")
        assert page.locator(".plot canvas").count() == 2
        page.get_by_role("button", name="Why? GET /cart?n=").first.click()
        story = page.get_by_role("dialog", name="GET /cart?n=")
        for part in ("Time", "Attempts", "Routes", "Pool web"):
            story.get_by_role("heading", name=part).wait_for()
        assert violations(page) == []
        page.keyboard.press("Escape")
        assert violations(page) == []
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_drain_by_keyboard_alone(stage, browser):
    first, second = stage.origin(OK), stage.origin(OK)
    proxy, api = stage.governed(first.address, second.address, more="workers: 2")
    with Visitors(proxy) as visitors, opened(browser, api.url) as page:
        row(page, first.address).wait_for()
        focused(page, f"Drain {first.address} in pool web")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")  # from Cancel on
        page.keyboard.press("Enter")
        row(page, first.address).get_by_text("draining").wait_for()
        assert api.endpoint(first.address)["order"] == "drain"
        met = len(first.requests)
        page.locator("#events").get_by_text("drained by the operator").wait_for()
        wait_until(lambda: len(second.requests) > met + 20, "the other one's requests")
        assert len(first.requests) <= met + 1
        focused_now = "document.activeElement.getAttribute('aria-label')"
        assert page.evaluate(focused_now) == f"Enable {first.address} in pool web"
        page.keyboard.press("Enter")
        row(page, first.address).get_by_text("up", exact=True).wait_for()
        assert page.evaluate(focused_now) == f"Drain {first.address} in pool web"
    assert set(visitors.statuses) == {200}


def test_an_ejection_appears_with_its_evidence(stage, browser):
    good, bad = stage.origin(OK), stage.origin(BROKEN)
    pool = "ejection: {failures: 3, window: 10s, duration: 30s}, retry: false"
    proxy, api = stage.governed(good.address, bad.address, pool=pool)
    with opened(browser, api.url) as page:
        page.get_by_text("all is well").wait_for()
        with Visitors(proxy):
            event = page.locator("#events li[data-kind=ejected]").first
            event.wait_for()
        text = " ".join(event.inner_text().split())
        assert bad.address in text
        assert "ejected for 30 s" in text
        assert "for 30 s" in " ".join(event.locator("dl.evidence").inner_text().split())
        row(page, bad.address).get_by_text("ejected", exact=True).wait_for()
        assert "ejected" in page.locator("#problems").inner_text()
        failed = page.locator("#requests ol").first
        failed.get_by_text("500").first.wait_for()
        assert bad.address in failed.inner_text()


def test_the_page_comes_back_by_itself_when_its_desk_was_killed(stage, browser):
    origin = stage.origin(OK)
    proxy, api = stage.governed(origin.address)
    with opened(browser, api.url) as page:
        page.get_by_text("live", exact=True).wait_for()
        desk = next(one["pid"] for one in api.get("/api/status").json()["processes"] if one["name"] == "desk")
        assert psutil.Process(desk).ppid() == proxy.pid
        os.kill(desk, signal.SIGKILL)
        page.locator("#live[data-look=bad], #live[data-look=wait]").wait_for()
        page.get_by_text("live", exact=True).wait_for()
        assert ask(proxy).status == 200
