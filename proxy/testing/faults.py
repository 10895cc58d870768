"""What an endpoint may do wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Fault:
    """One of the functions below makes it.

    Args:
        kind: `refuse`, `reset`, `hang`, `slow`, `drop` or `status`.
        amount: seconds, octets or the status, as the kind has it.
        times: how many requests (connects, for `refuse`) meet it; None: all.
    """

    kind: str
    amount: float = 0.0
    times: int | None = None

    def strikes(self) -> bool:
        """Whether it meets this one, too."""
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


def refuse(*, times: int | None = None) -> Fault:
    """Nobody listens: connects are refused, and what was kept open is closed."""
    return Fault("refuse", 0, times)


def reset(*, times: int | None = None) -> Fault:
    """The request is taken, and the connection reset."""
    return Fault("reset", 0, times)


def hang(*, times: int | None = None) -> Fault:
    """The request is taken, and never answered."""
    return Fault("hang", 0, times)


def slow(seconds: float, *, times: int | None = None) -> Fault:
    """The answer begins so much later."""
    return Fault("slow", seconds, times)


def drop(after: int, *, times: int | None = None) -> Fault:
    """The connection ends when so many octets of the answer's body were sent."""
    return Fault("drop", after, times)


def status(code: int, *, times: int | None = None) -> Fault:
    """This is answered, and the application is not asked."""
    return Fault("status", code, times)
