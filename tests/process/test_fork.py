import os
import signal

from proxy.process.fork import describe_end, fork_child


def outcome(body):
    _, status = os.waitpid(fork_child(body), 0)
    return status


def test_the_body_gives_the_exit_status():
    assert os.waitstatus_to_exitcode(outcome(lambda: 7)) == 7


def test_a_child_never_comes_back():
    def fail():
        raise SystemExit(0)

    assert os.waitstatus_to_exitcode(outcome(fail)) == 1


def test_only_term_ends_a_child_before_it_listens():
    def survive():
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    assert os.waitstatus_to_exitcode(outcome(survive)) == -signal.SIGTERM


def test_the_parents_signal_mask_is_as_before():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    outcome(lambda: 0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_ends_in_words():
    assert describe_end(0x0300) == "it ended with status 3"
    assert describe_end(signal.SIGSEGV) == "it was killed by signal 11 (Segmentation fault)"
    assert "short of memory?" in describe_end(signal.SIGKILL)
    assert describe_end(40).startswith("it was killed by signal 40 (")
