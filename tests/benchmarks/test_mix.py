import hashlib
from collections import Counter

import pytest

from benchmarks import mix
from benchmarks.configs import Setup, nginx
from benchmarks.origin import make_site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("site"))


def test_a_thousand_different_files_of_1_to_64_kb(site):
    files = sorted((site / mix.FOLDER).iterdir())
    assert len({hashlib.sha256(file.read_bytes()).digest() for file in files}) == 1000
    assert [file.stat().st_size for file in files] == mix.sizes()
    assert 1024 <= min(mix.sizes()) < 1100
    assert 60_000 < max(mix.sizes()) <= 65536
    assert 12_000 < sum(mix.sizes()) / 1000 < 18_000  # small ones are the many


def test_every_run_has_the_same_files_and_requests(site, tmp_path):
    again = make_site(tmp_path)
    assert all((site / mix.name(number)).read_bytes() == (again / mix.name(number)).read_bytes()
               for number in (0, 999))
    assert mix.choices(3) == mix.choices(3)
    assert mix.choices(3) != mix.choices(4)


def test_few_files_are_asked_for_often_and_most_seldom():
    """Zipf's law: the first file takes a 7.5th of all requests, the tenth a tenth of that."""
    count = Counter(number for client in range(16) for number in mix.choices(client))
    total = count.total()
    assert 0.12 < count[0] / total < 0.15
    assert 0.011 < count[9] / total < 0.016
    assert len(count) == 1000


def test_nginx_keeps_all_of_them_open(tmp_path):
    told = nginx(Setup(1, 2, tmp_path, tmp_path))
    assert "open_file_cache max=2000 " in told
    assert "sendfile on;" in told
