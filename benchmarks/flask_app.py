"""A small real application: Flask, a route with a parameter, a template with a loop, a cookie."""

from __future__ import annotations

from flask import Flask, Response, make_response, render_template, request
from jinja2 import DictLoader

PAGE = """\
<!doctype html>
<title>{{ name }}</title>
<h1>Hello {{ name }}</h1>
<p>You came through {{ host }} from {{ client }}.</p>
<ul>{% for number, title in articles %}
<li><a href="/articles/{{ number }}">{{ title }}</a></li>{% endfor %}
</ul>
"""
ARTICLES = [(number, f"What I learned in year {number}") for number in range(1, 13)]

app = Flask(__name__)
app.jinja_loader = DictLoader({"hello.html": PAGE})


@app.get("/hello/<name>")
def hello(name: str) -> Response:
    page = render_template(
        "hello.html", name=name, articles=ARTICLES, host=request.host,
        client=request.headers.get("X-Forwarded-For", request.remote_addr),
    )
    response = make_response(page)
    response.set_cookie("seen", name, httponly=True, samesite="Lax")
    return response
