import pytest

from proxy.config.load import ConfigErrors, loads

GOOD = """\
listen: 127.0.0.1:8080
pools: {web: {endpoints: [127.0.0.1:8001]}}
routes: [{reverse_proxy: web}]
"""


@pytest.fixture
def site(tmp_path):
    """A folder for a configuration, with what configurations here refer to."""
    for name in ("public", "logs", "spool"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.fixture
def errors_of(site):
    """The lines of a text's errors."""

    def errors_of(text, environ=None):
        with pytest.raises(ConfigErrors) as caught:
            loads(text, folder=site, environ=environ or {})
        return str(caught.value).splitlines()

    return errors_of


@pytest.fixture
def read(site):
    def read(text, environ=None):
        return loads(text, folder=site, environ=environ or {})

    return read


@pytest.fixture
def good():
    """A small configuration without a fault; a test puts its own keys behind it."""
    return GOOD
