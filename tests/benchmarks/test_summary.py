from benchmarks.summary import figures, is_paced, limited, ratio_limited, ratios, summarize


def sample(cpu, busy=1.0, **others):
    counted = {"requests": 10.0, "errors": 1.0}
    return {"cpu_us": cpu, "rps": 1e6 / cpu, "p99_ms": 2.0, "busy": busy, **counted, **others}


def test_a_ratio_is_taken_round_by_round():
    # The machine was slow in the second round: for both. The ratio of the medians would be 1.5.
    ours = [sample(30.0), sample(80.0), sample(30.0)]
    nginx = [sample(20.0), sample(40.0), sample(10.0)]
    assert ratios(ours, nginx)["cpu_us"] == 2.0


def test_the_reference_is_1_to_itself():
    results = summarize({"nginx": [sample(20.0), sample(50.0)]})
    assert results["nginx"]["ratios"] == {"cpu_us": 1.0, "rps": 1.0, "p99_ms": 1.0}


def test_without_the_reference_there_are_no_ratios():
    assert summarize({"ours": [sample(20.0)]})["ours"]["ratios"] == {}


def test_figures_are_medians_and_counts_are_added_up():
    found = figures([sample(10.0), sample(30.0), sample(20.0)])
    assert (found["cpu_us"], found["requests"], found["errors"]) == (20.0, 30.0, 3.0)


def test_what_was_measured_in_the_first_round_alone_is_kept():
    rounds = [sample(10.0, idle_kb=2.0), sample(10.0)]
    assert figures(rounds)["idle_kb"] == 2.0
    assert ratios(rounds, [sample(10.0, idle_kb=0.5), sample(10.0)])["idle_kb"] == 4.0


def test_nothing_is_divided_by_nothing():
    assert "idle_kb" not in ratios([sample(10.0, idle_kb=2.0)], [sample(10.0, idle_kb=0.0)])


def test_a_ratio_is_doubtful_when_either_of_the_two_was_limited():
    results = summarize({"ours": [sample(10.0)], "nginx": [sample(10.0, busy=0.5)], "caddy": [sample(10.0)]})
    assert not limited(results["ours"])
    assert ratio_limited("ours", results)
    assert not ratio_limited("ours", {"ours": results["ours"], "nginx": results["caddy"]})


def test_a_rate_that_the_load_set_is_neither_limited_nor_compared():
    half = {"busy": 0.5, "share": 0.5}
    paced = summarize({"ours": [sample(30.0, **half)], "nginx": [sample(20.0, **half)]})
    assert is_paced(paced["ours"]["figures"])
    assert not ratio_limited("ours", paced)
    assert paced["ours"]["ratios"] == {"cpu_us": 1.5, "p99_ms": 1.0}
