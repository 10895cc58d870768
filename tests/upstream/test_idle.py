import pytest

from proxy.upstream.idle import (
    AGREE,
    CALM,
    COARSE,
    DOUBT,
    ENOUGH,
    GRAIN,
    LONG,
    MOMENT,
    PART,
    SHORTEST,
    IdleLimit,
)


def limit_of(*ages, most=60.0):
    limit = IdleLimit(most)
    for at, age in enumerate(ages):
        limit.closed_at(age, 100.0 * at)
    return limit


def test_as_configured_while_nothing_is_known():
    limit = IdleLimit(60.0)
    assert (limit.seconds, limit.known) == (60.0, False)


@pytest.mark.parametrize("said, seconds", [(5, 5 * PART), (75, 75 * PART), (100, 60.0), (0.1, SHORTEST)])
def test_what_the_endpoint_says(said, seconds):
    limit = IdleLimit(60.0)
    limit.told(said)
    assert (limit.seconds, limit.known) == (seconds, True)


def test_what_is_said_last_counts():
    limit = IdleLimit(60.0)
    limit.told(5)
    limit.told(20)
    assert limit.seconds == 20 * PART


@pytest.mark.parametrize("ages, seconds", [
    ((2.0, 2.1, 2.0), 2.0 * PART),
    ((2.4, 2.0, 2.4), 2.0 * PART),
    ((2.0, 3.0, 2.9), 2.0 * PART),  # gunicorn's threads: 2 s, looked at once a second
    ((2.9, 2.9, 3.0, 2.0), 2.0 * PART),
    ((9.0, 40.0, 2.0, 2.1, 2.0), 2.0 * PART),  # the last ones
    ((0.01, 0.01, 0.01), SHORTEST),
    ((90.0, 90.0, 90.0), 60.0)])
def test_closes_at_one_age_show_the_endpoints_timeout(ages, seconds):
    limit = limit_of(*ages)
    assert (limit.seconds, limit.known) == (pytest.approx(seconds), True)


@pytest.mark.parametrize("ages", [
    (2.0,) * (ENOUGH - 1), (1.4, 1.4, 1.45 * AGREE), (COARSE, COARSE, COARSE + GRAIN + 0.01),
    (20.0, 20.0, 21.0 * AGREE), (3.0, 20.0, 1.0, 9.0, 40.0)])
def test_closes_at_any_age_teach_nothing(ages):
    """Of a worker that was recycled, say."""
    limit = limit_of(*ages)
    assert (limit.seconds, limit.known) == (60.0, False)


def test_what_is_closed_at_one_moment_counts_once():
    """Many of the same age at once: a server that stops."""
    limit = IdleLimit(60.0)
    for number in range(50):
        limit.closed_at(7.0, 50.0 + 0.9 * MOMENT * number / 50)
    assert not limit.known
    limit.closed_at(7.1, 50.0 + MOMENT)
    assert not limit.known
    limit.closed_at(7.2, 50.0 + 2 * MOMENT)
    assert limit.seconds == 7.0 * PART


def test_a_stream_of_closes_is_a_row_of_moments():
    limit = IdleLimit(60.0)
    for tenth in range(21):
        assert not limit.known
        limit.closed_at(2.0, 50.0 + tenth / 10)
    assert limit.known


# The endpoint keeps them longer than it used to.

def test_what_was_shown_is_doubtful_after_a_while():
    limit = limit_of(2.0, 2.0, 2.0)  # the last at 200
    assert not limit.is_doubtful(200.0 + DOUBT - 0.1)
    assert limit.is_doubtful(200.0 + DOUBT)
    assert limit_of(90.0, 90.0, 90.0).is_doubtful(1e9) is False  # as long as may be


@pytest.mark.parametrize("limit", [IdleLimit(60.0), limit_of(2.0, 2.0)])
def test_what_was_never_shown_is_not(limit):
    assert not limit.is_doubtful(1e9)
    limit.told(5)
    assert not limit.is_doubtful(1e9)


def test_what_is_told_is_beyond_doubt():
    limit = limit_of(2.0, 2.0, 2.0)
    limit.told(2)
    assert not limit.is_doubtful(1e9)


@pytest.mark.parametrize("shown, kept, seconds", [
    (2.0, 81.2, 60.0), (2.0, 75.0, 73.9 * PART), (2.0, 41.1, 40.0 * PART), (2.0, 5.1, 4.0 * PART),
    (0.4, 0.6, 0.4 * PART), (0.4, 20, 18.9 * PART),
    (2.0, 2.0, 1.5), (2.0, 3.0, 1.5), (2.0, 0.1, 1.5), (10.0, 12.4, 7.5), (1.4, 1.8, 1.4 * PART)])
def test_one_that_was_kept_longer_proves_it(shown, kept, seconds):
    limit = limit_of(shown, shown, shown)
    limit.kept_for(kept, 300.0)
    assert limit.seconds == pytest.approx(seconds)
    assert not limit.is_doubtful(300.0 + DOUBT - 0.1)
    assert limit.known


def test_what_has_grown_shrinks_as_before():
    limit = limit_of(2.0, 2.0, 2.0)
    limit.kept_for(40.0, 300.0)
    for at in (400.0, 401.0, 402.0):
        assert limit.seconds > 20
        limit.closed_at(2.0, at)
    assert limit.seconds == 2.0 * PART
    assert not limit.is_young(0.1, 403.0)


def test_the_longest_watch_proves_the_configured_time():
    limit = limit_of(2.0, 2.0, 2.0, most=30.0)
    limit.kept_for(limit.longest_watch, 300.0)
    assert limit.seconds == pytest.approx(30.0)


def test_another_endpoint_learns_for_itself():
    limit = limit_of(2.0, 2.0, 2.0)
    other = limit.anew()
    assert (other.seconds, other.known) == (60.0, False)
    other.told(9)
    assert limit.seconds == 2.0 * PART


# What cannot be sent twice.

def test_young_is_less_than_half_of_what_is_known():
    limit = IdleLimit(60.0)
    assert not limit.is_young(0.0, 50.0)
    limit.told(8)
    assert limit.is_young(2.9, 50.0)
    assert not limit.is_young(3.0, 50.0)


def test_nothing_is_young_where_the_time_is_short():
    limit = IdleLimit(60.0)
    limit.told(LONG)
    assert not limit.is_young(0.0, 50.0)


def test_a_close_at_the_time_that_was_learned_is_no_surprise():
    limit = IdleLimit(60.0)
    for at, age in enumerate((2.0, 2.9, 2.0)):
        limit.closed_at(age, 50.0 + at)
    assert limit.is_young(0.0, 51.0 + CALM)
    limit.closed_at(2.9, 53.0)
    assert limit.is_young(0.0, 51.0 + CALM)
    limit.closed_at(1.0, 54.0)
    assert not limit.is_young(0.0, 63.9)


def test_nothing_is_young_for_a_while_after_a_surprise():
    limit = IdleLimit(60.0)
    limit.told(8)
    limit.closed_at(1.0, 50.0)
    assert not limit.is_young(0.0, 50.0 + CALM - 0.1)
    assert limit.is_young(0.0, 50.0 + CALM)
