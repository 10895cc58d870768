"""Processes: a supervisor that owns the listening sockets, and workers that serve on them.

    supervisor.py   binds, starts, watches, replaces, ends        crew.py   what it knows of its workers
    fork.py         from one process to two                        worker.py   loop + data plane
    sockets.py      listening sockets, messages for people         control.py  what the two tell each other

Rules: everything is bound before anything is started; a worker's death loses no queued connection;
a supervisor's death ends its workers.
"""
