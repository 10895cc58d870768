"""Applications whose answers are worth compressing: `app` is Flask's, `asgi` bare ASGI with events."""

import asyncio
import threading

from flask import Flask, Response, jsonify, request

app = Flask(__name__)
ROWS = [{"id": number, "name": f"Ada {number * 7919 % 1000}", "tags": ["a", "b"]} for number in range(1500)]
TEXT = "".join(f"{number}: something or other\n" for number in range(20_000))
go_on = threading.Event()
waiting = []  # for the next POST to `asgi`


@app.get("/json")
def rows():
    """With a strong entity tag, and 304 for who has it."""
    answer = jsonify(ROWS)
    answer.set_etag("rows")
    return answer.make_conditional(request)


@app.get("/text")
def text():
    """With a length; parts of it on demand."""
    answer = Response(TEXT, mimetype="text/plain")
    answer.set_etag("text")
    return answer.make_conditional(request, accept_ranges=True, complete_length=len(TEXT))


@app.get("/lines")
def lines():
    """Bit by bit, as fast as it goes."""
    return Response(TEXT.splitlines(keepends=True), mimetype="text/plain")


@app.get("/slow")
def slow():
    """The second half once somebody has posted here."""
    go_on.clear()

    def halves():
        yield "first\n"
        go_on.wait(10)
        yield "second\n"

    return Response(halves(), mimetype="text/plain")


@app.post("/slow")
def second():
    go_on.set()
    return "", 204


async def asgi(scope, receive, send):
    """Events, each when the one before was asked for by POST."""
    if scope["type"] != "http":
        return
    if scope["method"] == "POST":
        waiting.pop().set()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    fields = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    for number in range(3):
        more = asyncio.Event()
        waiting.append(more)
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        await more.wait()
    await send({"type": "http.response.body", "body": b""})

