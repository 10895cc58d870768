"""A real Chromium, driven over its DevTools protocol: what a page does there, and what it looks like."""

import base64
import itertools
import json
import subprocess
from contextlib import contextmanager

from websockets.sync.client import connect

PATIENCE = 60.0
# --disable-quic: it makes a check of the system's certificates fail, which is only noise here.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--hide-scrollbars", "--remote-debugging-port=0",
)


class Page:
    """One tab; `events` holds all that it reported."""

    def __init__(self, socket, session):
        self.events = []
        self._socket = socket
        self._session = session
        self._numbers = itertools.count(1000)
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters, "sessionId": self._session}
        self._socket.send(json.dumps(command))
        while (message := self._receive()).get("id") != number:
            pass
        assert "error" not in message, message["error"]
        return message["result"]

    def wait_for(self, method, start, **parameters):
        """The first event of that name, with these parameters, after the first `start` ones."""
        while True:
            for event in self.events[start:]:
                if event["method"] == method and parameters.items() <= event["params"].items():
                    return event["params"]
            self._receive()

    def _receive(self):
        message = json.loads(self._socket.recv(timeout=PATIENCE))
        if "method" in message and message.get("sessionId") == self._session:
            self.events.append(message)
        return message

    def load(self, url):
        """Go there; returns the events of the way."""
        return self._follow("Page.navigate", url=url)

    def reload(self):
        return self._follow("Page.reload")

    def _follow(self, method, **parameters):
        start = len(self.events)
        self.call(method, **parameters)
        self.wait_for("Page.loadEventFired", start)
        return self.events[start:]

    def answers(self, start):
        """(URL, "cache" or the status on the wire) of what was answered after the first `start` events."""
        # Events about one request come in any order, those of an earlier step perhaps in a later one.
        kept = {event["params"]["requestId"] for event in self.events
                if event["method"] == "Network.requestServedFromCache"}
        responses = [event["params"] for event in self.events[start:]
                     if event["method"] == "Network.responseReceived"]
        return [
            (told["response"]["url"], self._status(told["requestId"]) if _was_sent(told, kept) else "cache")
            for told in responses
        ]

    def _status(self, request):
        """Of a 304 the response itself says 200, which is what it stands for."""
        return self.wait_for("Network.responseReceivedExtraInfo", 0, requestId=request)["statusCode"]

    def evaluate(self, script):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def look_like(self, *, dark=False, width=1280, height=800):
        """What the page is to think of its reader and window."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)

    def screenshot(self):
        """A PNG of the window."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])


@contextmanager
def chromium(folder):
    """A browser with an empty profile in `folder`; gives its one page."""
    command = ["chromium", *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = next(line for line in process.stderr if "listening on ws://" in line).split()[-1]
            with connect(address, max_size=None) as socket:
                yield Page(socket, _attach(socket))
        finally:
            process.terminate()


def _was_sent(told, kept):
    """Whether a response came over the wire: then there is extra information about it, sooner or later."""
    return told["hasExtraInfo"] and not told["response"]["fromDiskCache"] and told["requestId"] not in kept


def _attach(socket):
    """The session of the first tab."""
    def ask(method, **parameters):
        socket.send(json.dumps({"id": 1, "method": method, "params": parameters}))
        while (message := json.loads(socket.recv(timeout=PATIENCE))).get("id") != 1:
            pass
        return message["result"]

    tabs = ask("Target.getTargets")["targetInfos"]
    tab = next(one["targetId"] for one in tabs if one["type"] == "page")
    return ask("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
