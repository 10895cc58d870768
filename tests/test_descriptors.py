import resource
import subprocess
import sys

import pytest

from proxy import descriptors
from proxy.descriptors import connection_capacity, shortage


@pytest.fixture
def nofile(monkeypatch):
    def allow(soft, hard=None):
        monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (soft, hard or soft))

    return allow


@pytest.mark.parametrize(
    "soft, limit, capacity",
    [(256, 10_000, 96), (1024, 10_000, 480), (1024, 100, 100), (64, 10_000, 8), (10, 4, 4)],
)
def test_capacity_is_what_the_descriptors_allow(nofile, soft, limit, capacity):
    nofile(soft)
    assert connection_capacity(limit) == capacity


@pytest.mark.parametrize("fd, soft, scarce", [
    (959, 1024, False), (960, 1024, True), (3, 60, True), (10**9, resource.RLIM_INFINITY, False)])
def test_the_last_ones_are_scarce(nofile, fd, soft, scarce):
    nofile(soft)
    assert descriptors.is_scarce(fd) is scarce


def test_without_a_limit_the_configuration_alone_counts(nofile):
    nofile(resource.RLIM_INFINITY)
    assert connection_capacity(123_456) == 123_456


def test_those_that_are_free_are_counted_and_stay_free():
    program = (
        "import os, resource as r; from proxy.descriptors import free\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (10, 10)); last = os.dup(0)\n"
        "print(free(3), free(99) == free(99) == 9 - last, free(0))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "3 True 0\n"


def test_a_shortage_says_what_happens(nofile):
    nofile(1024)
    assert shortage(480) is None
    text = shortage(10_000)
    assert "needs 20064 open files, the system allows 1024" in text
    assert "at most 480 connections" in text


def test_the_soft_limit_is_raised_to_the_hard_one():
    program = (
        "import resource as r; from proxy.descriptors import raise_limit\n"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (100, hard)); raise_limit()\n"
        "print(r.getrlimit(r.RLIMIT_NOFILE) == (hard, hard))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_limit_that_cannot_be_raised_stays(nofile, monkeypatch):
    def refuse(*_):
        raise ValueError("current limit exceeds maximum limit")

    nofile(256, resource.RLIM_INFINITY)
    monkeypatch.setattr(descriptors.resource, "setrlimit", refuse)
    descriptors.raise_limit()
    assert connection_capacity(1000) == 96
