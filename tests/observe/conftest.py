import pytest

from proxy.observe.access_log import AccessLog
from proxy.observe.log_lines import Combined, Json
from proxy.observe.redact import Redaction

FORMS = {"combined": Combined, "json": Json}


@pytest.fixture
def opened(tmp_path):
    """Makes logs, and closes their files."""
    made = []

    def make(form="combined", path=None, turner=None):
        made.append(AccessLog(str(path or tmp_path / "access.log"), FORMS[form](Redaction()), turner))
        return made[-1]

    yield make
    for log in made:
        log._out.close()
