import json


def wsgi(environ, start_response):
    """Says in JSON what it was asked; /stream in pieces, /broken raises."""
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("broken")
    asked = {"path": environ["PATH_INFO"], "query": environ["QUERY_STRING"],
             "method": environ["REQUEST_METHOD"],
             "client": environ.get("HTTP_X_REAL_IP"), "body": environ["wsgi.input"].read().decode()}
    body = json.dumps(asked).encode()
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"one,", b"two,", b"three"])
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def named(name):
    """An ASGI application that answers with its name."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["name"] = name
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        message = await receive()
        text = f"{scope['state']['name']} {scope['method']} {scope['path']} {len(message['body'])}".encode()
        fields = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        for at in range(0, len(text), 5):
            await send({"type": "http.response.body", "body": text[at:at + 5], "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app
