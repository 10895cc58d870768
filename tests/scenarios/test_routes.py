"""Which route answers, and what those do that are not the application: all in one configuration."""

import json
import os
import subprocess

import pytest

from tests.scenarios.support import OK, ask, connect

YAML = """
pools:
  web: {{endpoints: ["{0}"]}}
  played: {{endpoints: ["{1}"]}}
routes:
  - {{match: {{path: /exact}}, respond: {{body: exact}}}}
  - {{match: {{path: /below/*}}, respond: {{body: below}}}}
  - {{match: {{path: "~^/u/[0-9]+$"}}, respond: {{body: pattern}}}}
  - {{match: {{path: [/one, "/two/*"]}}, respond: {{body: either}}}}
  - {{match: {{host: shop.example}}, respond: {{body: shop}}}}
  - {{match: {{host: "*.shop.example"}}, respond: {{body: any shop}}}}
  - {{match: {{path: /m, method: [PUT, DELETE]}}, respond: {{body: method}}}}
  - {{match: {{path: /h, header: {{X-Beta: "yes"}}}}, respond: {{body: value}}}}
  - {{match: {{path: /h, header: {{X-Version: "~^2[.]"}}}}, respond: {{body: pattern}}}}
  - {{match: {{path: /h, header: {{X-There: true}}}}, respond: {{body: present}}}}
  - {{match: {{path: /h, header: {{X-Needed: false}}}}, respond: {{body: absent}}}}
  - {{match: {{path: /q, query: {{draft: "1"}}}}, respond: {{body: value}}}}
  - {{match: {{path: /q, query: {{page: "~^[0-9]+$"}}}}, respond: {{body: pattern}}}}
  - {{match: {{path: /q, query: {{all: true}}}}, respond: {{body: present}}}}
  - {{match: {{path: /c, client: 10.0.0.0/8}}, respond: {{body: ten}}}}
  - {{match: {{path: /c, client: ["::1/128", 127.0.0.0/8]}}, respond: {{body: local}}}}
  - {{match: {{path: /teapot}}, respond: {{
      status: 418, body: "short and stout", content_type: text/tea, headers: {{X-Spout: "yes"}}}}}}
  - {{match: {{path: /empty}}, respond: {{status: 204}}}}
  - {{match: {{path: /old/*}}, redirect: {{to: "/new/{{rest}}"}}}}
  - {{match: {{path: /away}}, redirect: {{to: "https://{{host}}{{path}}?{{query}}", status: 301}}}}
  - {{match: {{path: /files/*}}, static: {{root: files, max_age: 1h}}}}
  - {{match: {{path: "/admin/*"}}, respond: {{status: 403, body: wall}}}}
  - {{match: {{path: "/app/*"}}, reverse_proxy: web, strip_prefix: true}}
  - {{match: {{path: "/small/*"}}, reverse_proxy: web, limits: {{request_body: 10}}}}
  - {{match: {{path: "/played/*"}}, reverse_proxy: played}}
  - {{match: {{path: /seen}}, reverse_proxy: web}}
"""
STYLE = b"body { color: black }\n" * 100


@pytest.fixture(scope="module")
def origin(shared):
    return shared.origin(OK)


@pytest.fixture(scope="module")
def proxy(shared, origin):
    files = shared.folder / "files"
    (files / "css").mkdir(parents=True)
    (files / "css" / "a.css").write_bytes(STYLE)
    (files / "index.html").write_text("<h1>files</h1>")
    (files / "big.bin").write_bytes(bytes(range(256)) * 4096 * 5)
    (files / ".secret").write_text("no")
    (shared.folder / "outside").write_text("no")
    (files / "link").symlink_to(shared.folder / "outside")
    return shared.proxy(YAML.format(shared.gunicorn().address, origin.address))


def says(proxy, target, *fields, method="GET"):
    answer = ask(proxy, target, *fields, method=method)
    return answer.body.decode() if answer.status == 200 else answer.status


@pytest.mark.parametrize("target, body", [
    ("/exact", "exact"), ("/exact?x=/y", "exact"), ("/%65xact", "exact"), ("/exact/", 404), ("/Exact", 404),
    ("/below/", "below"), ("/below/a/b", "below"), ("/below", 404), ("/belowx", 404),
    ("/u/12", "pattern"), ("/u/12/x", 404), ("/one", "either"), ("/two/x", "either"),
])
def test_paths(proxy, target, body):
    assert says(proxy, target) == body


@pytest.mark.parametrize("host, body", [
    ("shop.example", "shop"), ("SHOP.example:8080", "shop"), ("shop.example.", "shop"),
    ("a.shop.example", "any shop"), ("a.b.shop.example", "any shop"),
    ("ashop.example", 404), ("a.example", 404),
])
def test_hosts(proxy, host, body):
    with connect(proxy) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = client.response()
    assert (answer.body.decode() if answer.status == 200 else answer.status) == body


@pytest.mark.parametrize("method, body", [
    ("PUT", "method"), ("DELETE", "method"), ("GET", 404), ("put", 404),
])
def test_methods(proxy, method, body):
    assert says(proxy, "/m", method=method) == body


@pytest.mark.parametrize("fields, body", [
    (["X-Beta: yes", "X-Needed: 1"], "value"), (["x-beta: yes"], "value"), (["X-Version: 2.1"], "pattern"),
    (["X-There:"], "present"), ([], "absent"), (["X-Needed: 1", "X-Beta: no", "X-Version: 3"], 404),
])
def test_header_fields(proxy, fields, body):
    assert says(proxy, "/h", *fields) == body


@pytest.mark.parametrize("query, body", [
    ("?draft=1", "value"), ("?x&draft=1", "value"), ("?dr%61ft=%31", "value"), ("?page=12", "pattern"),
    ("?page=x", 404), ("?all", "present"), ("?all=no", "present"), ("", 404),
])
def test_queries(proxy, query, body):
    assert says(proxy, "/q" + query) == body


def test_the_client_s_address(proxy):
    assert says(proxy, "/c", "X-Forwarded-For: 10.1.1.1") == "local"


@pytest.mark.parametrize("target", [
    "/admin/x", "//admin/x", "/x/../admin/x", "/admin%2Fx", "/x/%2e%2e/admin/x", "/./admin/x", "/%61dmin/x",
])
def test_a_path_written_in_another_way_does_not_get_past_a_wall(proxy, target):
    answer = ask(proxy, target)
    assert answer.status in (400, 403)
    assert b"seen" not in answer.body


def test_a_fixed_answer(proxy):
    answer = ask(proxy, "/teapot")
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert (answer.get(b"content-type"), answer.get(b"x-spout")) == (b"text/tea", b"yes")
    head = ask(proxy, "/teapot", method="HEAD")
    assert (head.status, head.get(b"content-length")) == (418, b"15")
    assert ask(proxy, "/empty").get(b"content-length") is None


def test_redirects(proxy):
    moved = ask(proxy, "/old/a%20b/c?x=1")
    assert (moved.status, moved.get(b"location")) == (308, b"/new/a%20b/c")
    away = ask(proxy, "/away?x=1")
    assert (away.status, away.get(b"location")) == (301, b"https://a.example/away?x=1")
    assert ask(proxy, "/away").get(b"location") == b"https://a.example/away"


def test_files(proxy):
    answer = ask(proxy, "/files/css/a.css")
    assert (answer.status, answer.body) == (200, STYLE)
    assert answer.get(b"content-type").startswith(b"text/css")
    assert b"max-age=3600" in answer.get(b"cache-control")
    again = ask(proxy, "/files/css/a.css", f"If-None-Match: {answer.get(b'etag').decode()}")
    assert (again.status, again.body) == (304, b"")
    part = ask(proxy, "/files/css/a.css", "Range: bytes=0-3")
    assert (part.status, part.body) == (206, b"body")
    assert ask(proxy, "/files/").body == b"<h1>files</h1>"
    assert ask(proxy, "/files/css/a.css", method="POST").status == 405


@pytest.mark.parametrize("target", [
    "/files/none", "/files/.secret", "/files/link", "/files/../outside", "/files/%2e%2e/outside",
    "/files/..%2foutside", "/files/css", "/files/css/a.css/", "/files/%00", "/files/css%2fa.css%00.png",
])
def test_files_that_nobody_may_have(proxy, target):
    answer = ask(proxy, target)
    assert answer.status in (301, 308, 400, 403, 404)
    assert answer.body != b"no"


def test_a_big_file_arrives_whole(proxy):
    assert ask(proxy, "/files/big.bin").body == bytes(range(256)) * 4096 * 5


def test_a_stripped_prefix(proxy):
    def seen(target):
        answer = json.loads(ask(proxy, target).body)
        return answer["path"], answer["query"], dict(answer["headers"])["X-Forwarded-Prefix"]

    assert seen("/app/seen?a=b") == ("/seen", "a=b", "/app")
    assert seen("/app/deep/x%2Fy") == ("/deep/x/y", "", "/app")
    assert ask(proxy, "/app/").body == b"hello\n"


def test_a_route_has_a_limit_of_its_own(proxy, origin):
    body = b"POST /%b/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\n\r\nhello world"
    with connect(proxy) as client:
        client.send(body % b"played")
        assert client.response().status == 200
        client.send(body % b"small")
        assert client.response().status == 413
    assert origin.requests[-1].body == b"hello world"


@pytest.mark.program("curl")
def test_curl_follows_and_resumes(proxy, tmp_path):
    def curl(*words):
        command = ["curl", "-sS", "--max-time", "15", *words]
        return subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout

    assert curl("-L", "-o", os.devnull, "-w", "%{url_effective} %{http_code}", f"{proxy.url}/old/x").endswith(
        b"/new/x 404"
    )
    (tmp_path / "big.bin").write_bytes((bytes(range(256)) * 4096 * 5)[:1000])
    curl("-C", "-", "-O", f"{proxy.url}/files/big.bin")
    assert (tmp_path / "big.bin").read_bytes() == bytes(range(256)) * 4096 * 5
