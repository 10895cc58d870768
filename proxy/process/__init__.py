"""Processes: a supervisor that owns the listening sockets, workers that serve on them, and a lookout.

    supervisor.py   binds, starts, watches, replaces, ends        crew.py     what it knows of its children
    fork.py         from one process to two                        worker.py   loop + data plane
    sockets.py      listening sockets, messages for people         lookout.py  probes and names, for all
    control.py      what they tell each other                      news.py     ... of endpoints

Rules: everything is bound before anything is started; a worker's death loses no queued connection;
a supervisor's death ends its workers.
"""
