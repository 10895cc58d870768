import pytest

from benchmarks import mix, wrk
from benchmarks.browsers import browser_fields, request_head
from benchmarks.wrk import Answers, Load


def test_every_client_has_14_fields_and_a_block_of_its_own():
    heads = [request_head("/", browser_fields(client)) for client in range(100)]
    assert len(set(heads)) == 100
    assert {head.count("\r\n") - 2 for head in heads} == {14}


def test_fresh_connections_are_asked_for():
    assert ("Connection", "close") in browser_fields(1, keep_alive=False)


def test_the_script_holds_a_head_for_each_client():
    script = wrk.script(Load("/a", clients=5))
    assert script.count('"GET /a HTTP/1.1\\r\\n') == 5
    assert wrk.COUNTER not in script
    assert "function request" not in script


def test_a_varying_script_counts_in_the_cookie():
    script = wrk.script(Load("/", clients=2, varying=True))
    assert script.count(f"Cookie: visit={wrk.COUNTER}; ") == 2
    assert "function request" in script


def test_what_clients_know_is_the_same_with_every_head():
    script = wrk.script(Load("/a", clients=3, known=True, validators=(("If-None-Match", '"1-2"'),)))
    assert script.count('If-None-Match: \\"1-2\\"\\r\\n') == 3


def test_a_mixed_script_names_every_file_once_and_each_client_takes_turns_of_its_own():
    script = wrk.script(Load("/static/", clients=2, mix=True))
    assert script.count('"mix/0000.html"') == script.count('"mix/0999.html"') == 1
    assert script.count(f"GET /static/{wrk.NAME} HTTP/1.1") == 2
    for client in range(2):
        assert "{" + ",".join(str(number + 1) for number in mix.choices(client)) + "}" in script


def test_lua_strings_are_escaped():
    assert wrk.lua_string('a "b"\\\r\n') == '"a \\"b\\"\\\\\\r\\n"'


def test_results_are_found_among_other_words():
    output = 'Running 2s test\nresult:{"requests":9,"seconds":2.5,"errors":1,"p50_ms":0.5,"p99_ms":2}\n'
    assert wrk.parse(output) == Answers(9, 2.5, 1, 0.5, 2)


def test_no_result_is_an_error_with_the_complaint():
    with pytest.raises(RuntimeError, match="unable to connect"):
        wrk.parse("", "unable to connect")


def test_only_a_paced_script_waits():
    assert "function delay" not in wrk.script(Load("/"))
    script = wrk.script(Load("/", pause_ms=3.25))
    assert "function delay" in script
    assert "math.random() * 6.5000" in script


def test_rates_and_connections_are_counted():
    assert Load("/", clients=3, connections_each=2).connections == 6
    assert Answers(9, 4.5, 0, 0.5, 2).rate == 2.0
