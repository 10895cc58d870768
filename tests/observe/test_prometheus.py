"""The page that Prometheus reads, by its own client's parser; dashboard and alerts name what is there."""

import json
import math
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from proxy import __version__
from proxy.admin import dashboard
from proxy.observe import prometheus
from proxy.observe.board import Board
from proxy.observe.columns import CERTIFICATE, HOUSE, KINDS, STANDINGS
from proxy.observe.counters import Counters, Tally
from proxy.observe.prometheus import PREFIX, render
from tests.observe.test_counters import Ended

MONITORING = dashboard.ASSETS / "monitoring"
SUFFIXES = ("_total", "_bucket", "_sum", "_count", "_info")
FUNCTIONS = {"pyfront"}  # what a query may hold that looks like a metric and is none: the job's name
SHOWN = {"listener": "a:443", "name": "*.a.example"}


@pytest.fixture
def board():
    """Of two workers that have served, and of a supervisor."""
    board = Board(4, shared=False)
    house = Tally(HOUSE, board.first(HOUSE))
    house.gauge("started", 1_790_000_000)
    house.gauge("generation", 3)
    house.add("reloads", 2)
    house.write(board.cells_of(0))
    valid(board, 1_800_000_000)
    for number in (1, 2):
        serve(Counters(board.row(board.take())), number)
    return board


def valid(board, until):
    """As the supervisor tells it after a reload; 0: the certificate is shown no more."""
    board.cells_of(0)[board.first(CERTIFICATE, *SHOWN.values()) + CERTIFICATE.at["expires"]] = until


def serve(counters, number):
    counters.show({"shop": "web", "files": ""}, ["web"])
    counters.worker.gauge("connections", 10 * number)
    counters.worker.gauge("lag_now", 1000 * number)
    counters.worker.time("lag", 0.002)
    counters.ended(Ended(seconds=0.003), 100.0)
    counters.ended(Ended(status=503, seconds=40.0, received=7), 100.0)
    counters.route("files").hit(100)
    pool = counters.pool("web")
    pool.add("retries")
    pool.time("queue", 0.2)
    for name, standing in (("10.0.0.1:80", "up"), ('a"\\b:80', "ejected" if number == 2 else "down")):
        endpoint = counters.endpoint("web", name)
        endpoint.answered(200, 0.01)
        endpoint.gauge("standing", STANDINGS.index(standing))
        endpoint.gauge("weight", 3)
        endpoint.gauge("in_flight", number)
    counters.tick(0.0)


def samples(board, accept=""):
    """Name and labels -> value, of a page that its parser takes."""
    page, content_type = render(board, accept)
    read = parse_openmetrics if "openmetrics" in content_type else parse
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in read(page.decode()) for sample in family.samples}


def value(board, name, **labels):
    return samples(board)[PREFIX + name, *sorted(labels.items())]


def families(board):
    return list(parse(render(board)[0].decode()))


def test_all_workers_are_one(board):
    assert value(board, "requests_total", route="shop", pool="web", code="2xx") == 2
    assert value(board, "requests_total", route="shop", pool="web", code="5xx") == 2
    assert value(board, "requests_total", route="files", pool="", code="2xx") == 2
    assert value(board, "request_bytes_total", route="shop", pool="web") == 14
    assert value(board, "response_bytes_total", route="files", pool="") == 200
    assert value(board, "connections") == 30
    assert value(board, "endpoint_in_flight", pool="web", endpoint="10.0.0.1:80") == 3
    assert value(board, "pool_retries_total", pool="web") == 2
    assert value(board, "static_cache_hits_total") == 2
    assert value(board, "config_generation") == 3
    assert value(board, "config_reloads_total", result="success") == 2
    assert value(board, "config_last_reload_successful") == 1
    assert value(board, "event_loop_lag_worst_seconds") == 0.002
    assert 0 < value(board, "metrics_room_used_ratio") < 0.01
    assert value(board, "build_info", version=__version__) == 1


def test_histograms_are_cumulative_and_in_seconds(board):
    found = samples(board)
    buckets = {float(dict(key[1:])["le"]): count for key, count in found.items()
               if key[0] == f"{PREFIX}request_duration_seconds_bucket" and dict(key[1:])["route"] == "shop"}
    counts = [buckets[bound] for bound in sorted(buckets)]
    assert counts == sorted(counts)
    assert (buckets[0.0025], buckets[0.005], buckets[30.0], buckets[math.inf]) == (0, 2, 2, 4)
    labels = {"route": "shop", "pool": "web"}
    assert value(board, "request_duration_seconds_count", **labels) == 4
    assert value(board, "request_duration_seconds_sum", **labels) == pytest.approx(80.006)


def test_how_workers_see_endpoints(board):
    bad = {"pool": "web", "endpoint": 'a"\\b:80'}
    assert value(board, "endpoint_up", pool="web", endpoint="10.0.0.1:80") == 1
    assert value(board, "endpoint_up", **bad) == 0
    assert value(board, "endpoint_weight", **bad) == 3
    seen = {dict(key[1:])["state"]: count for key, count in samples(board).items()
            if key[0] == f"{PREFIX}endpoint_state_workers" and dict(key[1:])["endpoint"] == bad["endpoint"]}
    assert seen == {"down": 1, "ejected": 1}


def test_what_the_configuration_has_no_more_is_left_out(board):
    counters = Counters(board.row(1))
    assert value(board, "pool_queue_length", pool="web") == 0
    for number in (1, 2):
        counters = Counters(board.row(number))
        counters.show({"files": ""}, [])
        for name in ("route", "pool"):
            kind = KINDS[name]
            first = board.first(kind, *(("shop", "web") if name == "route" else ("web",)))
            board.cells_of(number)[first + kind.at["shown"]] = 0
        counters.tick(0.0)
    labels = {label for key in samples(board) for label in key[1:]}
    assert not labels & {("route", "shop"), ("pool", "web"), ("endpoint", "10.0.0.1:80")}
    assert ("route", "files") in labels


def test_until_when_a_certificate_is_valid_that_is_shown(board):
    metric = PREFIX + "certificate_expiry_timestamp_seconds"
    series = metric, *sorted(SHOWN.items())
    assert samples(board)[series] == 1_800_000_000
    valid(board, 1_900_000_000)
    assert samples(board)[series] == 1_900_000_000
    valid(board, 0)
    assert metric not in known(board)


def test_openmetrics_where_the_reader_asks_for_it(board):
    page, content_type = render(board, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert page.endswith(b"# EOF\n")
    assert samples(board, "application/openmetrics-text; version=1.0.0") == samples(board)


def test_plain_text_otherwise(board):
    assert render(board)[1].startswith("text/plain")


def test_names_follow_the_conventions(board):
    """What `promtool check metrics` looks at: units at the end and in full, help, no type in the name."""
    for family in families(board):
        name = family.name
        assert re.fullmatch(r"pyfront_[a-z]+(_[a-z]+)*", name), name
        assert family.documentation.endswith("."), name
        assert family.type in ("counter", "gauge", "histogram"), name
        assert not re.search(r"_(counter|gauge|histogram|ms|kb|count|sum|bucket)(_|$)", name), name
        assert (family.type == "histogram") <= name.endswith("_seconds"), name
        words = name.split("_")
        assert "seconds" not in words[:-1], name
        assert "bytes" not in words[:-1], name


def test_no_series_stands_there_twice(board):
    lines = [line.rpartition(" ")[0] for line in render(board)[0].decode().splitlines() if line[0] != "#"]
    assert len(lines) == len(set(lines))


def test_every_column_is_shown_somewhere():
    """Or it is for the proxy's own use."""
    own = {("house", "reload_failed"), ("worker", "generation"), ("pool", "oldest"), ("route", "shown"),
           ("pool", "shown")}
    source = Path(prometheus.__file__).read_text("utf-8")
    unseen = {(kind.name, column) for kind in KINDS.values() for column in kind.at
              if f'"{column}"' not in source and column not in prometheus.CLASSES}
    assert unseen <= own


def test_an_empty_board_has_a_page_too():
    board = Board(2, shared=False)
    assert samples(board)[f"{PREFIX}build_info", ("version", __version__)] == 1


def known(board):
    """All names that a query may use."""
    return {key[0] for key in samples(board)}


def queries_of_the_dashboard():
    board = json.loads((MONITORING / "grafana.json").read_text("utf-8"))
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (one["definition"] for one in board["templating"]["list"] if "definition" in one)
    yield from (note["expr"] for note in board["annotations"]["list"])


def rules():
    text = (MONITORING / "alerts.yml").read_text("utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def metrics_in(query):
    return set(re.findall(r"\bpyfront[a-z_]*", query)) - FUNCTIONS


def test_every_metric_of_the_dashboard_exists(board):
    named = {name for query in queries_of_the_dashboard() for name in metrics_in(query)}
    assert len(named) > 25
    assert not named - known(board)


def test_every_metric_of_the_alerts_exists(board):
    named = {name for rule in rules() for name in metrics_in(rule["expr"])}
    assert len(named) > 8
    assert not named - known(board)


def test_every_label_of_queries_exists(board):
    labels = {label for key in samples(board) for label, _ in key[1:]} | {"instance", "job"}
    for query in (*queries_of_the_dashboard(), *(rule["expr"] for rule in rules())):
        groups = re.findall(r"by \(([^)]*)\)", query)
        matchers = re.findall(r"(\w+)(?:=~|!=|=)\"", query)
        used = {label.strip() for group in groups for label in group.split(",")} | set(matchers)
        assert used <= labels, query


def test_alerts_are_complete():
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_parentheses_of_queries_are_closed():
    for query in (*queries_of_the_dashboard(), *(rule["expr"] for rule in rules())):
        plain = re.sub(r'"[^"]*"', "", query)
        assert all(plain.count(left) == plain.count(right) for left, right in ("()", "{}", "[]")), query


def test_panels_do_not_overlap():
    board = json.loads((MONITORING / "grafana.json").read_text("utf-8"))
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_thresholds_rise_from_a_colour_for_all_below():
    """Grafana takes the last step that a value reaches, in the order in which they stand."""
    board = json.loads((MONITORING / "grafana.json").read_text("utf-8"))
    defaults = {panel["title"]: panel["fieldConfig"]["defaults"] for panel in board["panels"]
                if panel["type"] != "row"}
    found = {title: [(step["value"], step["color"]) for step in told["thresholds"]["steps"]]
             for title, told in defaults.items() if "thresholds" in told}
    assert found["Certificates: days left"] == [(None, "red"), (7, "orange"), (14, "green")]
    for title, (first, *others) in found.items():
        assert first[0] is None, title
        assert others == sorted(others), title
