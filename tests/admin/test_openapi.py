"""The document is right: schemathesis sends the real thing what it allows, and much that it does not.

Its own client counts connections in urllib3's insides, which niquests replaces, so requests are sent here.
"""

import pytest
import requests
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from proxy.admin.openapi import document
from proxy.admin.operations import OPERATIONS
from tests.admin.conftest import AdminStage
from tests.authority import Authority

ENDPOINTS = ["127.0.0.1:1", "127.0.0.1:2"]
NAMES = {"pool": ["web", "nix"], "endpoint": [*ENDPOINTS, "127.0.0.1:3"]}
ENDLESS = "/api/stream"
PARTICULAR = "/api/pools/{pool}/endpoints"  # an address has more rules than a schema can say


def known(told):
    """The document with names that there are, or nearly every request would be one of a name that is not."""
    for operations in told["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and parameter["name"] in NAMES:
                    parameter["schema"] = {"enum": NAMES[parameter["name"]]}
    return told


SCHEMA = schemathesis.openapi.from_dict(
    known(document(OPERATIONS)),
    config=schemathesis.Config.from_dict({"generation": {"max-examples": 20, "deterministic": True}}),
).exclude(path=ENDLESS)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Of a proxy with all that the document speaks of."""
    folder = tmp_path_factory.mktemp("openapi")
    authority = Authority(folder)
    tls = f"[{authority.tls('a.example', '192.0.2.1')}, {authority.tls('b.example', file='b', age=87)}]"
    with AdminStage(folder) as stage:
        _, api = stage.governed(
            *ENDPOINTS, more=f"workers: 2\nlisten: [{{address: '127.0.0.1:0', tls: {tls}}}, 127.0.0.1:0]\n")
        yield api.url
        assert api.get("/api/status").status_code == 200
        told = api.get("/api/status").json()["processes"]
        assert {process["deaths"] for process in told} == {0}


@pytest.mark.scenario
@SCHEMA.parametrize()
def test_the_real_api_is_as_the_document_says(case, url):
    sent = case.as_transport_kwargs(base_url=url)
    answer = requests.request(**sent, timeout=15, allow_redirects=False)
    particular = case.operation.path == PARTICULAR and answer.status_code == 422
    case.validate_response(answer, excluded_checks=[positive_data_acceptance] if particular else None)


def references(told):
    if isinstance(told, dict):
        for name, value in told.items():
            yield from [value] if name == "$ref" else references(value)
    elif isinstance(told, list):
        for value in told:
            yield from references(value)


def test_every_name_in_it_stands_in_it():
    told = document(OPERATIONS)
    schemas = told["components"]["schemas"]
    assert {reference.rpartition("/")[2] for reference in references(told)} == set(schemas)
    identities = [one["operationId"] for some in told["paths"].values() for one in some.values()]
    assert len(set(identities)) == len(OPERATIONS)


@pytest.mark.scenario
def test_it_is_served(url):
    served = requests.get(f"{url}/api/openapi.json", timeout=15)
    assert served.json() == document(OPERATIONS)


@pytest.mark.scenario
def test_the_status_tells_of_certificates(url):
    status = requests.get(f"{url}/api/status", timeout=15).json()
    assert [one["names"] for one in status["certificates"]] == [["a.example", "192.0.2.1"], ["b.example"]]
    assert len({one["listener"] for one in status["certificates"]}) == 1
    fine, soon = (one["trouble"] for one in status["certificates"])
    assert fine == ""
    assert soon.endswith("in 3.0 days")
    assert f"the certificate for b.example {soon}" in status["problems"]
