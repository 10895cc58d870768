"""The Corner Bookshop: an ordinary Flask site to stand behind the proxy.

It knows nothing about the proxy but what every application behind one should: it believes the
X-Forwarded-* fields of exactly one (ProxyFix). What it remembers it remembers per process, so
that one can see which process answered; its name comes from the environment (INSTANCE).
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, redirect, render_template, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

INSTANCE = os.environ.get("INSTANCE", "nobody in particular")
BOOKS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("catalogue.json").read_text("utf-8"))
LONGEST_WAIT = 5.0  # seconds that a visitor may ask the shop to think
CLOCK_TICKS = 300  # then the browser connects again: no page may hold a thread for ever

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 512 * 1024 * 1024  # the proxy's own limit lies below this one
app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # the way Flask's manual does it
    app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1
)

guestbook: deque[dict[str, str]] = deque(maxlen=50)
answered = count(1)
never = threading.Event()  # waited for with a timeout where the shop takes its time


@app.before_request
def count_request() -> None:
    request.environ["shop.answered"] = next(answered)


@app.context_processor
def who_answered() -> dict[str, object]:
    return {"instance": INSTANCE, "pid": os.getpid(), "answered": request.environ.get("shop.answered")}


@app.get("/")
def home() -> str:
    return render_template("home.html", books=BOOKS[:5])


@app.get("/books")
def books() -> str:
    shelves = sorted({book["shelf"] for book in BOOKS})
    return render_template("books.html", books=BOOKS, shelves=shelves)


@app.get("/books/<slug>")
def book(slug: str) -> str:
    found = next((book for book in BOOKS if book["slug"] == slug), None)
    if found is None:
        abort(404)
    others = [book for book in BOOKS if book is not found and book["shelf"] == found["shelf"]]
    return render_template("book.html", book=found, others=others)


@app.get("/guestbook")
def guestbook_page() -> str:
    return render_template("guestbook.html", entries=list(guestbook))


@app.post("/guestbook")
def guestbook_sign() -> AnyResponse:
    name = request.form.get("name", "").strip()[:60]
    message = request.form.get("message", "").strip()[:500]
    if not message:
        abort(400, "A guestbook entry needs a few words.")
    written = datetime.now().astimezone().strftime("%H:%M:%S")
    guestbook.appendleft({"name": name or "Somebody", "message": message, "written": written})
    return redirect(url_for("guestbook_page"), 303)


@app.get("/upload")
def upload_page() -> str:
    return render_template("upload.html", result=None)


@app.post("/upload")
def upload() -> str:
    file = request.files.get("file")
    if file is None or not file.filename:
        abort(400, "Choose a file first.")
    digest, size = hashlib.sha256(), 0
    while chunk := file.stream.read(1 << 16):
        digest.update(chunk)
        size += len(chunk)
    result = {"name": file.filename, "size": size, "sha256": digest.hexdigest()}
    return render_template("upload.html", result=result)


@app.get("/whoami")
def whoami() -> str:
    seen = [("Client address", request.remote_addr), ("URL as the application sees it", request.url)]
    return render_template("whoami.html", seen=seen, headers=sorted(request.headers.items()))


@app.get("/whoami.json")
def whoami_json() -> dict[str, object]:
    wait = min(request.args.get("wait", 0.0, type=float), LONGEST_WAIT)
    if wait > 0:
        never.wait(wait)
    return {**who_answered(), "headers": dict(request.headers.items())}


@app.get("/clock")
def clock() -> str:
    return render_template("clock.html")


@app.get("/clock/stream")
def clock_stream() -> Response:
    return Response(ticks(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


def ticks() -> Iterator[str]:
    """One event a second; the generator is closed when the visitor leaves."""
    for tick in range(CLOCK_TICKS):
        time = datetime.now().astimezone().strftime("%H:%M:%S")
        yield f"id: {tick}\ndata: {json.dumps({'time': time, 'instance': INSTANCE})}\n\n"
        never.wait(1.0)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "open"}


@app.errorhandler(400)
@app.errorhandler(404)
@app.errorhandler(413)
def trouble(error: Any) -> tuple[str, int]:
    return render_template("trouble.html", error=error), error.code
