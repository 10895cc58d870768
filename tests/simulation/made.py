"""Loads and strategies made by hand, and runs of them."""

from __future__ import annotations

from proxy.simulation.engine import run
from proxy.simulation.figures import measure
from proxy.simulation.load import NO_FIELDS, Load, Request, Target, generate
from proxy.simulation.scenario import Fault, Member, Scenario
from proxy.simulation.strategies import seeded

SERVICE = 0.02


def request(client="10.0.0.1"):
    return Request(client, Target(b"/"), NO_FIELDS)


def load_of(times, works, clients=None, lucks=None):
    """A load of these arrivals, of one client where none are named."""
    count = len(times)
    requests = [request(client) for client in clients or ["10.0.0.1"] * count]
    return Load(times, requests, works, lucks or [0.99] * count, 10.0)


def members(*names):
    return tuple(Member(name) for name in names)


class Script:
    """A strategy that picks by a list of names, and keeps what it was told."""

    def __init__(self, *names):
        self.names = list(names)
        self.told = []
        self.full = []

    def rebuild(self, endpoints):
        self.endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self.told.append([*self.endpoints])

    def pick(self, exchange, tried):
        self.full.append([endpoint.name for endpoint in tried])
        return self.endpoints.get(self.names.pop(0))


def played(name, scenario, load, hash_key="client"):
    """One strategy's outcome and figures."""
    outcome = run(scenario, load, seeded(name, hash_key, scenario.seed))
    return outcome, measure(scenario, load, outcome)


def figures(name, scenario, load):
    return played(name, scenario, load)[1]


def busy(scenario, share=0.5, length=20.0, clients=1000):
    """A load that takes that share of what the endpoints can do."""
    rate = share * scenario.capacity(SERVICE)
    return generate(rate, length, clients, SERVICE, "lognormal", "client", scenario.seed)


def slow(name, times, start=0.0, end=float("inf")):
    return Fault("slow", name, times, start, end)


def down(name, start=0.0, end=float("inf")):
    return Fault("down", name, 1.0, start, end)


def pool(*names, faults=(), workers=4, seed=1):
    return Scenario(members(*names), workers, tuple(faults), seed)
