import os
import subprocess
import sys
import time

from benchmarks.usage import memory_kb, tree, usage

BURN = "import sys, time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\nsys.stdin.read()"


def test_a_tree_holds_children_and_what_they_use():
    me = os.getpid()
    before = usage(me)
    command = [sys.executable, "-c", BURN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert child.pid in tree(me)
        assert usage(me).cpu - before.cpu >= 0.2
        assert memory_kb(child.pid) > 1000
        child.stdin.close()


def test_nothing_is_counted_of_a_process_that_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert usage(child.pid).cpu == 0
    assert memory_kb(child.pid) == 0


def test_the_clock_is_finer_than_a_tick():
    before, started = usage(os.getpid()).cpu, time.process_time()
    while time.process_time() - started < 0.002:
        pass
    assert 0.002 <= usage(os.getpid()).cpu - before < 0.1
