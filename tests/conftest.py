"""What holds for every test: system programs that are missing are named, and required under CI.

`@pytest.mark.program("nginx")` says that a test needs one. On a user's machine such a test is left
out where the program is missing, and the run ends by naming it; with CI=true the run fails at once
instead, because a check that silently did not run is worse than none.

Property tests run with few examples here; `make fuzz` takes the profile `fuzz`.
"""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

MISSING = pytest.StashKey[set[str]]()
FIGURES = pytest.StashKey[list[str]]()  # that tests have measured

# No deadline: a busy machine is no bug. Derandomized: a change fails for what it changed, and
# `make fuzz` looks for the rest.
settings.register_profile("quick", deadline=None, derandomize=True)
settings.register_profile(
    "fuzz", deadline=None, max_examples=100_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")


@pytest.hookimpl(trylast=True)  # after -m and -k: what was not asked for is not missed
def pytest_collection_modifyitems(config, items):
    missing = config.stash.setdefault(MISSING, set())
    left_out = [item for item in items if lacks_programs(item, missing)]
    if hasattr(config, "workeroutput"):  # one of several processes that share the tests (-n)
        config.workeroutput["missing"] = sorted(missing)
    else:
        require(missing)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """One of the processes of -n is done; one that has crashed has told nothing."""
    output = getattr(node, "workeroutput", {})
    node.config.stash.setdefault(FIGURES, []).extend(output.get("figures", ()))
    missing = node.config.stash.setdefault(MISSING, set())
    missing.update(output.get("missing", ()))
    require(missing)


def require(missing):
    """Under CI nothing may be missing."""
    if missing and os.environ.get("CI"):
        pytest.exit(f"missing programs: {', '.join(sorted(missing))} (.ci/run installs them)", returncode=1)


def lacks_programs(item, missing):
    """Whether a program that the test names is not there; notes those that are not."""
    lacking = {
        name
        for marker in item.iter_markers("program")
        for name in marker.args
        if shutil.which(name, path=search_path()) is None
    }
    missing |= lacking
    return bool(lacking)


def search_path():
    """PATH and where Debian puts nginx and haproxy, which a user's PATH leaves out."""
    return os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"


def pytest_terminal_summary(terminalreporter, config):
    if figures := config.stash.get(FIGURES, []):
        terminalreporter.section("faults: figures")
        terminalreporter.write("".join(f"{line}\n" for line in figures))
    if missing := config.stash.get(MISSING, set()):
        names = ", ".join(sorted(missing))
        terminalreporter.write_line(f"left out: the tests that need {names}, not installed here", yellow=True)
