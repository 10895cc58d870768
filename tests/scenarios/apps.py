"""Small applications behind the proxy: `app` is Flask's, `plain` bare WSGI, `asgi` bare ASGI.

What they know of themselves comes by the environment: INSTANCE is the name that /who answers.
"""

import os
import threading

from flask import Flask, Response, jsonify, make_response, redirect, request

INSTANCE = os.environ.get("INSTANCE", "one")
app = Flask(__name__)


@app.route("/")
def index():
    return "hello\n"


@app.route("/who")
def who():
    return INSTANCE


@app.route("/seen", methods=["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@app.route("/deep/<path:rest>", methods=["GET", "POST"])
def seen(rest=""):
    """What reached the application."""
    return jsonify(
        method=request.method,
        path=request.environ["PATH_INFO"],
        query=request.query_string.decode(),
        script=request.environ["SCRIPT_NAME"],
        headers=list(request.headers),
        length=len(request.get_data()),
        instance=INSTANCE,
    )


@app.route("/status/<int:status>")
def status(status):
    return Response(f"status {status}\n", status)


@app.route("/moved")
def moved():
    """An absolute redirect to this very process, as applications that do not know of a proxy make it."""
    answer = redirect(f"http://{request.environ['SERVER_NAME']}:{request.environ['SERVER_PORT']}/who?x=1")
    answer.autocorrect_location_header = False
    return answer


@app.route("/telltale")
def telltale():
    """Everything that a client must not learn."""
    own = f"{request.environ['SERVER_NAME']}:{request.environ['SERVER_PORT']}"
    answer = make_response("told\n")
    answer.headers["Location"] = f"http://{own}/there"
    answer.headers["Content-Location"] = f"//{own}/here"
    answer.headers["Refresh"] = f"5; url=http://{own}/later"
    answer.headers["Server"] = "Secret/1.0"
    answer.headers["X-Powered-By"] = "Flask"
    answer.headers["Via"] = "1.1 inner"
    answer.set_cookie("id", "1", domain=request.environ["SERVER_NAME"])
    answer.set_cookie("back", f"http://{own}/x")
    return answer


@app.route("/body/<int:length>")
def body(length):
    return Response((b"0123456789abcdef" * (length // 16 + 1))[:length], mimetype="application/octet-stream")


@app.route("/length", methods=["POST", "PUT"])
def length():
    """How much came, read in pieces."""
    count = 0
    while piece := request.stream.read(65536):
        count += len(piece)
    return str(count)


@app.route("/echo", methods=["POST", "PUT"])
def echo():
    return Response(request.get_data(), mimetype="application/octet-stream")


@app.route("/fail")
def fail():
    raise RuntimeError("a secret of the application")


@app.route("/slow-who")
def slow_who():
    threading.Event().wait(float(request.args["seconds"]))
    return INSTANCE


seen_first = threading.Event()


@app.get("/events")
def events():
    """An event, and a second one once somebody has posted here."""
    def both():
        yield "data: 1\n\n"
        seen_first.wait(10)
        yield "data: 2\n\n"

    return Response(both(), mimetype="text/event-stream")


@app.post("/events")
def go_on():
    seen_first.set()
    return "", 204


def plain(environ, start):
    """As small as WSGI gets."""
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"plain\n"]


async def asgi(scope, receive, send):
    """A WebSocket echo that ends on "bye"; everything else is a 200."""
    if scope["type"] == "websocket":
        await _echo(receive, send)
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"asgi\n"})


async def _echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4000, "reason": "bye"})
            return
        await send({"type": "websocket.send", "bytes": event.get("bytes"), "text": event.get("text")})
