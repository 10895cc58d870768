import pytest

from proxy.config.units import duration, percent, size


@pytest.mark.parametrize(
    "text, seconds",
    [("250ms", 0.25), ("5s", 5), ("0s", 0), ("1.5s", 1.5), ("1m", 60), ("1h", 3600), ("30d", 2592000)],
)
def test_durations(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text, octets",
    [("0", 0), ("512", 512), ("16KiB", 16384), ("1MiB", 1 << 20), ("1.5GiB", 3 << 29), ("2GiB", 1 << 31)],
)
def test_sizes(text, octets):
    assert size(text) == octets


@pytest.mark.parametrize(
    "text, meant",
    [
        ("5", "5s"),
        ("5 s", "5s"),
        ("5sec", "5s"),
        ("10Minutes", "10m"),
        ("1H", "1h"),
        ("20 msec", "20ms"),
        ("2 days", "2d"),
    ],
)
def test_durations_that_were_nearly_right(text, meant):
    with pytest.raises(ValueError) as caught:
        duration(text)
    assert str(caught.value) == f"is not a duration; did you mean {meant}? (250ms, 5s, 1m, 1h)"


@pytest.mark.parametrize(
    "text, meant",
    [("16k", "16KiB"), ("16KB", "16KiB"), ("1 MiB", "1MiB"), ("1m", "1MiB"), ("2g", "2GiB"), ("7B", "7")],
)
def test_sizes_that_were_nearly_right(text, meant):
    with pytest.raises(ValueError) as caught:
        size(text)
    assert str(caught.value) == f"is not a size; did you mean {meant}? (512, 16KiB, 1MiB, 1GiB)"


@pytest.mark.parametrize(
    "text", ["", "s", "-5s", "1h30m", "5s\n", "1e3s", ".5s", "٣s", "9" * 5000 + "s", "infs"]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError) as caught:
        duration(text)
    assert str(caught.value) == "is not a duration (250ms, 5s, 1m, 1h)"


@pytest.mark.parametrize("text", ["", "KiB", "-1", "1KiB1", "16KiB\n", "9" * 5000])
def test_what_is_no_size(text):
    with pytest.raises(ValueError) as caught:
        size(text)
    assert str(caught.value) == "is not a size (512, 16KiB, 1MiB, 1GiB)"


def test_half_an_octet_is_none():
    with pytest.raises(ValueError, match="not a whole number of octets"):
        size("0.5")


@pytest.mark.parametrize("text, share", [("20%", 0.2), ("0%", 0), ("12.5%", 0.125), ("1000%", 10)])
def test_shares(text, share):
    assert percent(text) == share


@pytest.mark.parametrize("text, meant", [("20", "20%"), ("20 %", "20%"), ("12.5 %", "12.5%")])
def test_shares_that_were_nearly_right(text, meant):
    with pytest.raises(ValueError) as caught:
        percent(text)
    assert str(caught.value) == f"is not a percentage; did you mean {meant}? (20%)"


@pytest.mark.parametrize("text", ["", "%", "0.2", "-5%", "20%%", "٣%", "20%\n", "9" * 5000 + "%", "nan%"])
def test_what_is_no_share(text):
    with pytest.raises(ValueError) as caught:
        percent(text)
    assert str(caught.value) == "is not a percentage (20%)"
