"""The dashboard in a real browser: strangers' words stay words, all of it can be reached and read."""

import time

import pytest

from proxy.certificates import DAY
from tests.admin.browsing import DESKTOP, PHONE, Desk, chromium, focused, opened, violations

pytestmark = pytest.mark.program("chromium")

MEAN = "<img src=x onerror=\"window.broken=1\">'\"&<script>window.broken=1</script>"
LONG_NAME = ".".join(["n" * 60] * 4)
OVERFLOW = "document.querySelector('{0}').scrollWidth - document.querySelector('{0}').clientWidth"
LONG = "/" + "a" * 300 + "?b=" + "c" * 300


def endpoint(address, state="up", **more):
    return {"address": address, "origin": address, "order": "ready", "state": state, "reason": "",
            "since": 1.0, "seconds": None, "weight": 1, "priority": 0, "in_flight": 2, "idle": 1,
            "max_connections": None, "latency": 0.01, **more}


def pool(name, *endpoints, **more):
    return {"name": name, "strategy": "first", "paused": False, "queue": 0, "endpoints": list(endpoints),
            **more}


def request(target, status=200, **more):
    return {"id": "7", "ended": 4e9, "client": "::1", "method": "GET", "host": "a.example", "target": target,
            "status": status, "route": "shop", "pool": "web", "endpoint": "a:1", "attempts": 1, "octets": 3,
            "why": "", "milliseconds": 12.0, **more}


def certificate(left, *names, listener="0.0.0.0:443"):
    """Valid for ninety days, of which so many are left."""
    expires = time.time() + left * DAY
    return {"listener": listener, "names": list(names), "begins": expires - 90 * DAY, "expires": expires}


def every_state():
    """A desk with everything there can be to see."""
    desk = Desk(
        [pool("web", endpoint("10.0.0.1:80"),
              endpoint("10.0.0.2:80", "draining", order="drain", reason="wanted"),
              endpoint("10.0.0.3:80", "ejected", reason="3 failures in a row", seconds=12.5, weight=7),
              endpoint("10.0.0.4:80", "warming"), endpoint("10.0.0.5:80", "full", max_connections=2)),
         pool("paused", endpoint("unix:/run/a.sock", "disabled", order="disabled"), paused=True, queue=4)],
        [request("/a"), request(LONG, 502, why="no endpoint answered", attempts=3), request("/b", 404)],
        certificates=[
            certificate(60.3, "a.example", "www.a.example"),
            certificate(91, "early.example", *(f"{number}.{LONG_NAME}" for number in range(30))),
            certificate(-1, "*.old.example", listener="[2001:db8:1234:5678:9abc:def0:1234:5678]:8443"),
            certificate(1.5, "soon.example"), certificate(2.9), certificate(30, LONG_NAME)])
    desk.tell("ejected", "ejected for 10 s", pool="web", endpoint="10.0.0.3:80", failures=3)
    desk.tell("order", "drained by the operator", pool="web", endpoint="10.0.0.2:80", in_flight=2)
    return desk


@pytest.fixture(scope="module")
def browser():
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def desk():
    with every_state() as made:
        yield made


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(browser, desk, dark, viewport):
    with opened(browser, desk.url, dark=dark, viewport=viewport) as page:
        page.get_by_role("button", name="ejected: more about 10.0.0.3:80").click()
        page.get_by_text("and 30 other names").click()
        page.locator("#requests li").first.wait_for()
        assert violations(page) == []
        page.get_by_role("button", name="Drain 10.0.0.1:80 in pool web").click()
        page.get_by_role("dialog").wait_for()
        assert violations(page) == []


@pytest.mark.parametrize("width", [320, 360, 412, 768, 1024, 1280, 1920])
def test_nothing_is_wider_than_the_window(browser, desk, width):
    with opened(browser, desk.url, viewport={"width": width, "height": 800}) as page:
        page.locator("#requests li").first.wait_for()
        page.get_by_text("and 30 other names").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVERFLOW.format(".certificates")) == 0
        page.get_by_role("button", name="Disable 10.0.0.1:80 in pool web").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_states_are_told_by_words_and_problems_stand_on_top(browser, desk):
    with opened(browser, desk.url) as page:
        row = page.get_by_role("row").filter(has_text="10.0.0.3:80").first
        assert "3 failures in a row (13 s more)" in row.inner_text().replace("12 s", "13 s")
        assert "weight 7" in row.inner_text()
        assert page.locator("#problems li").count() == 7
        assert page.locator("#health").inner_text() == "7 problems"
        assert page.get_by_role("button", name="Resume pool paused").is_visible()


def test_certificates_say_how_long_they_last_those_in_trouble_first(browser, desk):
    with opened(browser, desk.url) as page:
        rows = page.get_by_role("table", name="Certificates").get_by_role("row")
        rows.nth(6).wait_for()
        found = [row.split("\t") for row in rows.all_inner_texts()[1:]]
        assert [row[0].split("\n")[0] for row in found] == [
            "*.old.example", "soon.example", "no name", "early.example", LONG_NAME, "a.example"]
        assert [row[1] for row in found] == [
            "expired", "1 d 11 h left", "3 days left", "not valid yet", "30 days left", "60 days left"]
        looks = rows.locator(".state").evaluate_all("all => all.map(one => one.dataset.look)")
        assert looks == ["bad", "warn", "warn", "bad", "good", "good"]
        assert found[0][3] == "[2001:db8:1234:5678:9abc:def0:1234:5678]:8443"
        assert found[5][0].split() == ["a.example", "www.a.example"]
        until = rows.nth(6).locator("time")
        day = time.strftime("%b %-d, %Y", time.gmtime(desk.certificates[0]["expires"]))
        assert until.inner_text() == day
        problems = page.locator("#problems").inner_text()
        assert "the certificate for *.old.example has expired on" in problems


def test_a_renewed_certificate_is_well_and_without_any_nothing_is_shown(browser):
    with (Desk([pool("web", endpoint("a:1"))], certificates=[certificate(3, "a.example")]) as desk,
          opened(browser, desk.url) as page):
        page.get_by_text("3 days left").wait_for()
        assert page.locator("#health").inner_text() == "1 problem"
        desk.certificates[:] = [certificate(88.2, "a.example")]
        page.get_by_text("88 days left").wait_for()
        assert page.get_by_role("row").filter(has_text="a.example").count() == 1
        assert page.locator("#health").inner_text() == "all is well"
        desk.certificates.clear()
        page.locator("#certificates").wait_for(state="hidden")


def test_names_reasons_and_paths_stay_text(browser):
    with Desk([pool(MEAN, endpoint(MEAN, "down", reason=MEAN, origin="b" + MEAN))],
              [request("/" + MEAN, 500, why=MEAN, route=MEAN)],
              certificates=[certificate(60, MEAN, MEAN, listener=MEAN)]) as desk:
        desk.tell("down", MEAN, pool=MEAN, endpoint=MEAN, failures=3)
        with opened(browser, desk.url) as page:
            page.get_by_role("button", name="down: more about").click()
            page.locator("#requests li").first.wait_for()
            page.get_by_role("button", name="Drain").click()
            text = page.inner_text("body")
            assert text.count(MEAN) > 11
            assert page.evaluate("document.querySelectorAll('main img, dialog img, main script').length") == 0
            assert page.evaluate("window.broken") is None
            page.get_by_role("dialog").get_by_role("button", name="Drain").click()
            page.locator("#note").wait_for()
        assert desk.orders == [("order", {"pool": MEAN, "endpoint": MEAN, "order": "drain"})]


def test_nothing_is_ordered_without_a_yes(browser, desk):
    with opened(browser, desk.url) as page:
        for order, name in (("Drain", "10.0.0.1:80 in pool web"), ("Disable", "10.0.0.1:80 in pool web"),
                            ("Pause", "pool web")):
            page.get_by_role("button", name=f"{order} {name}").click()
            page.keyboard.press("Escape")
            page.get_by_role("button", name=f"{order} {name}").click()
            page.keyboard.press("Enter")  # stands on Cancel
            page.get_by_role("dialog").wait_for(state="hidden")
            active = page.evaluate("document.activeElement.getAttribute('aria-label')")
            assert active == f"{order} {name}"
    assert desk.orders == []


def test_taking_the_last_one_away_is_warned_of(browser):
    with (Desk([pool("web", endpoint("a:1"), endpoint("b:1", "down"))]) as desk,
          opened(browser, desk.url) as page):
        page.get_by_role("button", name="Disable a:1 in pool web").click()
        assert "No other endpoint of web works" in page.get_by_role("dialog").inner_text()


def test_events_can_be_chosen(browser, desk):
    with opened(browser, desk.url) as page:
        rows = page.locator("#events > li")
        page.get_by_label("Show").select_option("what fails")
        assert rows.evaluate_all("rows => rows.map(row => row.dataset.kind)") == ["ejected"]
        assert "failures in a row 3" in " ".join(rows.first.inner_text().split())
        page.get_by_label("Show").select_option("everything")
        page.get_by_role("searchbox", name="about").fill("10.0.0.2")
        assert rows.evaluate_all("rows => rows.map(row => row.dataset.kind)") == ["order"]
        page.get_by_role("searchbox", name="about").fill("nothing of the kind")
        assert page.locator("#events-empty").is_visible()


def test_a_token_is_asked_for_and_kept_for_the_tab(browser):
    token = "0123456789abcdef"
    with Desk([pool("web", endpoint("a:1"))], token=token) as desk, opened(browser, desk.url) as page:
        field = page.get_by_role("textbox", name="Token")
        field.fill("wrong")
        assert violations(page) == []
        page.keyboard.press("Enter")
        page.get_by_text("That is not the token.").wait_for()
        field.fill(token)
        page.keyboard.press("Enter")
        page.get_by_text("a:1", exact=True).wait_for()
        assert page.evaluate("[document.cookie, localStorage.length, location.search]") == ["", 0, ""]
        page.reload()
        page.get_by_text("a:1", exact=True).wait_for()
        page.get_by_role("button", name="Forget the token").click()
        page.get_by_role("dialog", name="Token").wait_for()


def test_tab_leads_through_everything(browser, desk):
    with opened(browser, desk.url) as page:
        page.get_by_text("10.0.0.1:80", exact=True).wait_for()
        for name in ("Pause pool web", "up: more about 10.0.0.1:80", "Drain 10.0.0.1:80 in pool web",
                     "Enable 10.0.0.2:80 in pool web", "Resume pool paused"):
            focused(page, name)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        for what in ("certificates-title", None):  # the list, which scrolls, and what opens in it
            for _ in range(30):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.closest('#certificates') !== null"):
                    break
            assert page.evaluate("document.activeElement.getAttribute('aria-labelledby')") == what
        page.keyboard.press("Enter")
        assert page.get_by_text(f"29.{LONG_NAME}").is_visible()
