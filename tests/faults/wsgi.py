"""What gunicorn serves in the tests of its restarts: the marked answers of `chaos`, as a WSGI application.

Each request's mark is added to the file MARKS, so that a request which was executed twice is noticed.
"""

import os
from urllib.parse import parse_qs

from tests.faults.chaos import body_of

marks = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def app(environ, start_response):
    mark = environ["HTTP_X_MARK"]
    os.write(marks, f"{mark}\n".encode())  # in one piece: O_APPEND
    sent = environ["wsgi.input"].read()
    wish = parse_qs(environ["QUERY_STRING"])
    body = body_of(mark, int(wish.get("size", ["0"])[0]))
    start_response("200 OK", [
        ("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("X-Mark", mark),
        ("X-Origin", f"pid {os.getpid()}"), ("X-Length", str(len(sent)))])
    return [body]
