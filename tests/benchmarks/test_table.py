import pytest

from benchmarks import table
from benchmarks.summary import summarize


def sample(cpu, rps, busy=1.0, **others):
    return {
        "cpu_us": cpu, "rps": rps, "p50_ms": 1.5, "p99_ms": 3.0, "memory_mb": 20.25, "busy": busy,
        "requests": 1.0, "errors": 0.0, **others,
    }


@pytest.fixture
def results():
    return {
        "small": summarize({"ours": [sample(26.0, 37_000)], "nginx": [sample(25.0, 35_000)]}),
        "small-idle": summarize({
            "ours": [sample(26.0, 37_000, idle_kb=1.7, idle_cpu_ms=0.2)],
            "nginx": [sample(25.0, 35_000, 0.5, idle_kb=0.5, idle_cpu_ms=0.0)],
        }),
    }


def test_a_row_holds_figures_and_ratios(results):
    assert table.rows(results)[0] == (
        "14 bytes, kept alive", "ours", "26.0", "1.04", "37,000", "1.06", "1.50", "3.00", "1.00", "20.2", "0"
    )


def test_the_title_stands_once(results):
    assert [row[0] for row in table.rows(results)] == [
        "14 bytes, kept alive", "", "14 bytes, beside 1,000 idle connections", ""
    ]


def test_what_the_load_limited_is_marked(results):
    ours, nginx = table.rows(results)[2:]
    assert (nginx[4], nginx[6]) == ("35,000*", "1.50*")
    assert (ours[4], ours[5], ours[3]) == ("37,000", "1.06*", "1.04")


def test_a_subject_without_the_reference_has_no_ratio():
    rows = table.rows({"small": summarize({"ours": [sample(26.0, 37_000)]})})
    assert rows[0][3] == "-"


def test_idle_connections_have_a_table_of_their_own(results):
    assert table.idle_rows(results) == [("ours", "1.70", "3.40", "0.20"), ("nginx", "0.50", "1.00", "0.00")]


def test_columns_line_up():
    lines = table.plain(("name", "n"), [("a", "1"), ("long name", "100")], left=1).splitlines()
    assert lines == ["name         n", "---------  ---", "a            1", "long name  100"]


def test_markdown():
    lines = table.markdown(("name", "n"), [("a", "1")], left=1).splitlines()
    assert lines == ["| name | n |", "| --- | --: |", "| a | 1 |"]


def test_the_document_says_on_what_it_was_measured(results):
    text = table.document(results, {"machine": "2 x Some CPU"})
    assert "- machine: 2 x Some CPU" in text
    assert "| ours | 1.70 | 3.40 | 0.20 |" in text


def test_half_load_has_a_table_of_its_own(results):
    assert table.half_rows(results) == []
    half = {"small-half": summarize({"ours": [sample(26.0, 18_000, 0.48, share=0.493, p99_p50=2.0)]})}
    assert table.half_rows(half) == [("ours", "18,000", "0.49", "0.48", "1.50", "3.00", "2.00")]
    assert "| ours | 18,000 | 0.49 | 0.48 | 1.50 | 3.00 | 2.00 |" in table.document(half, {})


def test_targets_stand_in_both(results):
    assert "| small: CPU per request x nginx | ours | <= 1.3 | 1.040 | met |" in table.document(results, {})
    assert "verdict" in table.text(results)
