"""Strategies tried on a made-up or recorded load, in virtual time: no socket, no thread, no waiting.

The rule of this room: what runs here are the very strategies of `proxy.balancing`, and all else
follows from the scenario and its seed, so that the same words give the same figures anywhere.

    scenario.py  what is simulated: endpoints, what befalls them, when; how a user writes that
    load.py      the requests: when each comes, from whom, how much work it is
    replay.py    the same from an access log
    engine.py    one strategy's run: events in the order of their time
    figures.py   what came of it, in numbers
    table.py     ... as text; plot.py: ... as a picture

It shows what a strategy does by itself. Retries, ejection, slow start, queues and stickiness are
the pool's and are left out: an endpoint that is down is known to be down at once, and when all
are full (max_connections) a request fails.
"""
