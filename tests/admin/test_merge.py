from proxy.admin.merge import merged


def endpoint(address="a:1", state="up", **more):
    return {"address": address, "origin": address, "order": "ready", "weight": 1, "priority": 0,
            "max_connections": None, "in_flight": 1, "idle": 2, "latency": None, "state": state,
            "reason": state, "since": None, "seconds": None, **more}


def pool(*endpoints, **more):
    return {"name": "web", "strategy": "first", "paused": False, "queue": 3, "endpoints": [*endpoints],
            **more}


def test_numbers_are_added():
    (one,) = merged({"worker 0": [pool(endpoint(latency=0.1))], "worker 1": [pool(endpoint(latency=0.3))]})
    assert (one["queue"], one["in_flight"], one["available"]) == (6, 2, 1)
    (only,) = one["endpoints"]
    assert (only["in_flight"], only["idle"], only["latency"], only["workers"]) == (2, 4, 0.2, [])


def test_of_states_the_worst_counts_and_all_are_told():
    (one,) = merged({"worker 1": [pool(endpoint(state="up"))], "worker 0": [pool(endpoint(state="ejected"))]})
    (only,) = one["endpoints"]
    assert (only["state"], only["reason"], one["available"]) == ("ejected", "ejected", 0)
    assert [(view["worker"], view["state"]) for view in only["workers"]] == [
        ("worker 0", "ejected"), ("worker 1", "up")]


def test_an_endpoint_that_one_worker_does_not_know_yet_is_there():
    (one,) = merged({"worker 0": [pool(endpoint())], "worker 1": [pool(endpoint(), endpoint("b:1"))]})
    assert [each["address"] for each in one["endpoints"]] == ["a:1", "b:1"]
