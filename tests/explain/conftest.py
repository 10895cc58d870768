import pytest

from proxy.config.load import loads
from proxy.explain.account import account
from proxy.explain.question import Question
from proxy.explain.rehearsal import Stage

CONFIG = """\
listen: 127.0.0.1:8080
trusted_proxies: [10.0.0.0/8]
pools:
  web:
    endpoints: [192.0.2.1:8001, {address: 192.0.2.2:8002, backup: true}]
  sticky: {endpoints: [192.0.2.1:8001, 192.0.2.2:8002], sticky: {cookie: lb, secret: s}}
routes:
  - name: files
    match: {path: /static/*}
    static: {root: ., max_age: 1h}
  - match: {path: /old/*}
    redirect: {to: "/new/{rest}", status: 301}
  - match: {path: /ping, header: {X-Beta: yes}}
    respond: {body: pong}
  - name: small
    match: {path: /small}
    reverse_proxy: web
    limits: {request_body: 10}
  - name: live
    match: {path: /api/*}
    reverse_proxy: web
    strip_prefix: true
    buffer_request: false
    buffer_response: false
  - {name: mine, match: {path: /mine}, reverse_proxy: sticky}
  - {name: rest, match: {path: [/, /page]}, reverse_proxy: web, compress: true}
"""


@pytest.fixture
async def stage(tmp_path):
    (tmp_path / "a.css").write_text("a { color: red }" * 100)
    (tmp_path / "a.css.gz").write_bytes(b"not looked into")
    made = Stage(loads(CONFIG, folder=tmp_path))
    yield made
    await made.close()


@pytest.fixture
def ask(stage):
    """The account of a question."""

    async def asked(*words, sample=None, **options):
        return account(stage, await stage.rehearse(Question(*words, **options), sample))

    return asked
