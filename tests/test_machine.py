import pytest

from proxy import machine


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A machine whose id is this text, or that has none."""

    def make(text):
        path = tmp_path / "machine-id"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        monkeypatch.setattr(machine, "MACHINE_ID", path)
        machine.secret.cache_clear()

    yield make
    machine.secret.cache_clear()


def test_a_machine_with_an_id(fresh):
    fresh("4f1e\n")
    assert (machine.has_id(), machine.secret()) == (True, "4f1e")


@pytest.mark.parametrize("text", [None, "", "\n", "uninitialized\n", "\xff"])
def test_one_without_draws_a_secret_which_stays(fresh, text):
    """A constant would let anybody find out which address a sticky cookie stands for."""
    fresh(text)
    assert not machine.has_id()
    one = machine.secret()
    assert len(one) == 64
    assert machine.secret() == one
    fresh(text)
    assert machine.secret() != one
