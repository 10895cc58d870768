"""Accept-Encoding: which of our content codings a client takes, and which of them it takes first.

The rule of this room: what means the same is the same object. Values that differ in spelling alone
share one `Accepts`, and there are few dozens of them whatever clients send, so one can be a key.
"""

import re
from collections.abc import Container
from dataclasses import dataclass

CODINGS = (b"br", b"zstd", b"gzip")  # ours, in the order that settles a tie: the smallest answer first
# RFC 9110 section 12.5.3: a coding, "identity" or "*", and its weight (section 12.4.2). No input backtracks.
MEMBER = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]++)(?:[ \t]*+;[ \t]*+[qQ]=(0(?:\.[0-9]{0,3}+)?|1(?:\.0{0,3}+)?))?")
MOST = 1024     # values that are remembered
LONGEST = 256   # octets of a value that is; a browser's takes 23


@dataclass(frozen=True, slots=True, eq=False)
class Accepts:
    """What an Accept-Encoding means to us; one object for each meaning, so compare with `is`.

    Attributes:
        codings: those of ours that the client takes, best first.
        identity: it takes the plain form.
        preferred: those that it likes no less than the plain form; all of them where it takes no plain form.
    """

    codings: tuple[bytes, ...]
    identity: bool
    preferred: tuple[bytes, ...]

    def best(self, available: Container[bytes]) -> bytes | None:
        """The coding to send of those available; None: the plain form.

        A client that takes nothing of what is there gets the plain form: what section 12.5.3 says a server
        SHOULD do rather than to refuse.
        """
        for coding in self.preferred:
            if coding in available:
                return coding
        return None


_meanings: dict[tuple[tuple[bytes, ...], bool, tuple[bytes, ...]], Accepts] = {}
_known: dict[bytes | None, Accepts] = {}


def _weights(value: bytes) -> dict[bytes, float]:
    """Coding -> its weight, without malformed members; where one stands there twice, the least counts."""
    weights: dict[bytes, float] = {}
    for member in value.split(b","):
        match = MEMBER.fullmatch(member.strip(b" \t"))
        if match is not None:
            coding = match[1].lower()
            coding = b"gzip" if coding == b"x-gzip" else coding  # section 8.4.1.3
            weight = float(match[2] or 1)
            weights[coding] = min(weight, weights.get(coding, weight))
    return weights


def _parse(value: bytes | None) -> Accepts:
    # Without the field any coding would do (section 12.5.3, rule 1), but who does not ask for one is most
    # often a script that cannot decode it. An empty field asks for the plain form.
    weights = _weights(value or b"")
    others = weights.get(b"*", 0.0)
    ours = [(weight, coding) for coding in CODINGS if (weight := weights.get(coding, others))]
    ours.sort(key=lambda pair: -pair[0])  # stable: the order of CODINGS settles ties
    # Taken by default, and then last; `*` excludes it by weight 0, but does not prefer it to a coding.
    plain = weights.get(b"identity", 0.0)
    identity = bool(plain or (b"identity" not in weights and weights.get(b"*") != 0))
    codings = tuple(coding for _, coding in ours)
    preferred = tuple(coding for weight, coding in ours if weight >= plain)
    meaning = codings, identity, preferred
    return _meanings.setdefault(meaning, Accepts(*meaning))


def accepts(value: bytes | None) -> Accepts:
    """What this Accept-Encoding means; None: the field is not there. Never raises."""
    found = _known.get(value)
    if found is None:
        found = _parse(value)
        if value is None or len(value) <= LONGEST:
            if len(_known) >= MOST:
                _known.clear()
            _known[value] = found
    return found
