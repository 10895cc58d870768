import pytest
import requests

from tests.faults.stage import FaultStage, configuration
from tests.scenarios.support import wait_until

PATIENCE = 15


class Api:
    """The admin API of a proxy, for tests."""

    def __init__(self, proxy):
        self.url = proxy.said(r"admin (http://[^,]+),")[1]
        self.session = requests.Session()

    def get(self, path, **options):
        return self.session.get(self.url + path, timeout=PATIENCE, **options)

    def post(self, path, value=None, **options):
        return self.session.post(self.url + path, json=value or {}, timeout=PATIENCE, **options)

    def delete(self, path):
        return self.session.delete(self.url + path, timeout=PATIENCE)

    def pool(self):
        answer = self.get("/api/pools/web")
        return answer.json() if answer.status_code == 200 else None

    def endpoint(self, address):
        return self.get(f"/api/pools/web/endpoints/{address}").json()

    def order(self, address, what, value=None):
        answer = self.post(f"/api/pools/web/endpoints/{address}/{what}", value)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self, **query):
        return self.get("/api/events", params=query).json()["events"]

    def wait_ready(self):
        """Until all processes are there: the desk is the last."""
        return wait_until(lambda: self.get("/api/status").json()["state"] == "running")


class AdminStage(FaultStage):
    """Proxies with a desk."""

    def governed(self, *addresses, more="", pool="", admin="127.0.0.1:0"):
        """A proxy before these endpoints, and its API."""
        proxy = self.proxy(configuration(*addresses, pool=pool, more=f"admin: {admin}\n{more}"))
        api = Api(proxy)
        self.callback(api.session.close)
        api.wait_ready()
        return proxy, api


@pytest.fixture
def stage(tmp_path):
    with AdminStage(tmp_path) as made:
        yield made
