"""The whole proxy inside a test: its real data plane in front of applications in memory.

    from proxy.testing import TestProxy, faults

    with TestProxy("config.yaml", endpoints={"web": app}) as proxy:
        assert proxy.get("/").status == 200
        proxy.endpoint("web").fault = faults.refuse()
        assert proxy.get("/").status == 502

    proxy        TestProxy: the configuration, the loop's thread, the pools' endpoints
    client       asks the proxy, and says what became of an exchange inside it
    endpoint     an ASGI or WSGI application where the configuration has an address, and its faults
    applications calls them
    faults       what an endpoint may do wrong
    fixtures     for pytest: pytest_plugins = ["proxy.testing.fixtures"]

The rule of this room: nothing of the data plane is replaced but where connections to endpoints lead, no
port is fixed, and when it is over no thread, socket or task is left.
"""

from proxy.testing import faults
from proxy.testing.client import Response
from proxy.testing.endpoint import TestEndpoint
from proxy.testing.proxy import TestProxy

__all__ = ["Response", "TestEndpoint", "TestProxy", "faults"]
