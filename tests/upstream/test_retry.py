import pytest

from proxy.upstream.retry import ALWAYS, NO_RETRY, Budget, Retry


def taken(budget, most=1000):
    """How many retries it grants now."""
    return next((count for count in range(most) if not budget.take()), most)


def test_a_quiet_site_has_some():
    assert taken(Budget(0.2)) == ALWAYS


@pytest.mark.parametrize("share, granted", [(0.0, 10), (0.2, 110), (1.0, 510), (10.0, 1000)])
def test_a_share_of_the_traffic(share, granted):
    budget = Budget(share)
    budget.exchanges += 500
    assert taken(budget) == granted


def test_what_was_used_up_comes_back_with_time():
    budget = Budget(0.2)
    assert taken(budget) == ALWAYS
    for _ in range(10):
        budget.fade()
    assert taken(budget) == pytest.approx(ALWAYS * (1 - 0.9 ** 10), abs=1)


def test_traffic_that_is_over_grants_no_more():
    budget = Budget(0.2)
    budget.exchanges += 1000
    for _ in range(100):
        budget.fade()
    assert taken(budget) == ALWAYS


def test_a_steady_share():
    """A hundred exchanges a second that all fail: a fifth of them is tried again, and a little."""
    budget, granted = Budget(0.2), 0
    for _ in range(100):
        for _ in range(100):
            budget.exchanges += 1
            granted += budget.take()
        budget.fade()
    assert granted / 10_000 == pytest.approx(0.2, rel=0.1)


def test_statuses_are_numbers():
    retry = Retry(2, ["connect", "reset", "502", "599"], 0.2, 3.0)
    assert retry.statuses == {502, 599}
    assert retry.on == {"connect", "reset", "502", "599"}
    assert (retry.attempts, retry.timeout) == (2, 3.0)


def test_none_at_all():
    assert (NO_RETRY.attempts, NO_RETRY.on, NO_RETRY.statuses) == (0, frozenset(), frozenset())
