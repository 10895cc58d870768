"""Processes: a supervisor that owns the listening sockets, workers that serve on them, and a lookout.

    supervisor.py   binds, starts, watches, replaces, ends        crew.py     what it knows of its children
    fork.py         from one process to two                        worker.py   loop + data plane
    sockets.py      listening sockets, messages for people         lookout.py  probes and names, for all
    control.py      what they tell each other                      news.py     ... of endpoints
    keeping.py      forks, reaps, kills

    reload.py       who asks for one, what came of it              changeover.py   read, prepare, commit
    reading.py      the file, by a child of its own                reloading.py    a worker's half
    rebinding.py    sockets that come and go                       steering.py     who gets new clients
    shifts.py       children that hand over                        hotline.py      `reload`, `diff`

    succession.py   from one program to the next                   upgrade.py      ... as the old one has it
    estate.py       what is left to the new one                    heir.py         ... and becomes its own
    activation.py   sockets from systemd                           notify.py       what systemd hears
    pulse.py        who is stuck

Rules: everything is bound before anything is started; a worker's death loses no queued connection;
a supervisor's death ends its workers.
"""
