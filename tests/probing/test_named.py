import asyncio

import pytest

from proxy.config.address import Address
from proxy.config.pool_schema import HealthCheck
from proxy.probing import named
from proxy.probing.named import Directory, NamedAttempt
from proxy.probing.probe import Found

NAME = Address("app.internal", 8000)
GOOD, BAD = Found(True, "HTTP 200"), Found(False, "HTTP 500")


@pytest.fixture
def play(monkeypatch):
    """Makes an attempt whose addresses do as they are told; `asked` is (address, Host) of each."""
    asked = []

    def played(results, **options):
        def make(address, check):
            async def attempt():
                asked.append((str(address), check.host))
                result = results[str(address)]
                if isinstance(result, Exception):
                    raise result
                return result

            return attempt

        monkeypatch.setattr(named, "make_attempt", make)
        addresses = [text for text in results if text != str(NAME)]
        return NamedAttempt(NAME, HealthCheck(**options), lambda: addresses)

    played.asked = asked
    return played


@pytest.mark.parametrize("results, found", [
    ([GOOD], GOOD), ([BAD], BAD), ([BAD, OSError()], BAD),
    ([BAD, GOOD], GOOD), ([OSError(), BAD, GOOD], GOOD),
])
async def test_one_address_that_works_is_enough(play, results, found):
    attempt = play({f"10.0.0.{number}:8000": result for number, result in enumerate(results, 1)})
    assert await attempt() == found


async def test_where_none_works_the_first_ones_failure_is_told(play):
    attempt = play({"10.0.0.1:8000": ConnectionRefusedError(), "10.0.0.2:8000": BAD})
    with pytest.raises(ConnectionRefusedError):
        await attempt()


async def test_a_name_that_is_nowhere_yet_is_left_to_the_system(play):
    assert await play({"app.internal:8000": GOOD})() == GOOD
    assert play.asked == [("app.internal:8000", "app.internal:8000")]


async def test_addresses_are_asked_by_the_name_or_as_the_check_says(play):
    await play({"10.0.0.1:8000": GOOD, "[::1]:8000": GOOD})()
    await play({"10.0.0.1:8000": GOOD}, host="www.example.com")()
    assert play.asked == [("10.0.0.1:8000", "app.internal:8000"), ("[::1]:8000", "app.internal:8000"),
                          ("10.0.0.1:8000", "www.example.com")]


async def test_a_directory_knows_what_it_was_told():
    directory = Directory({("web", "a:1"): ["10.0.0.1:1"]})
    await asyncio.wait_for(directory.known(), 5)
    assert directory.addresses(("web", "a:1")) == ["10.0.0.1:1"]
    assert directory.addresses(("web", "b:1")) == ()
