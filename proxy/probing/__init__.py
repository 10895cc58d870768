"""Probing: what the lookout finds out about endpoints by itself, without any client's request.

    probe.py    one check: a connection, perhaps a request, and what is said of it
    health.py   from results to a state: rise and fall        prober.py   when to probe, and whom to tell
    named.py    a check of all that a name stands for
    names.py    names that are followed through the DNS       lookup.py   one look at one name

Rules: nothing here is imported by what serves traffic; a probe never fails with an exception, it
has an outcome; nothing but changes of state is logged, and each says why.
"""
