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
    with AdminStage(tmp_path_factory.mktemp("openapi")) as stage:
        _, api = stage.governed(*ENDPOINTS, more="workers: 2\n")
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
