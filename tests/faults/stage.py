"""What scenarios have, and origins that can be killed."""

import sys

from tests.scenarios.support import Program, Stage


class Chaos(Program):
    """An origin of `chaos` in a process of its own."""

    ready = r"origin \S+ on (\S+)"


class FaultStage(Stage):
    def chaos(self, name, port=0):
        command = [sys.executable, "-m", "tests.faults.chaos", name, str(port)]
        running = Chaos(command, self.folder / self._name(name), {})
        self.push(running.end)
        running.wait_ready()
        return running


def configuration(*endpoints, pool="", more=""):
    """One pool for all paths; no access log, as lines for thousands of requests help nobody.

    `pool` are further keys of it: `key: value, ...`.
    """
    pool = f"pools: {{web: {{endpoints: [{', '.join(endpoints)}], {pool}}}}}"
    return f"access_log: false\n{pool}\nroutes: [{{reverse_proxy: web}}]\n{more}"
