"""A reverse proxy and load balancer for Python web applications.

The folder list is the path of a request:

    downstream   a client's octets arrive and become an exchange
    routing      the first route that matches
    middleware   what a route puts around its handler: compress
    handlers     static, redirect, respond; or forwarding, with
      balancing  the strategy that picks an endpoint of the pool
      upstream   the connection to it
    observe      the line in the log

    http         what they share: Exchange, Handler, ResponseHead, Body, Peer
    wire         the protocols' bytes, without I/O
    compression  gzip, brotli and zstd
    config       the file, decoded into models, with all its errors at once
    runtime      the object graph of one configuration, and the data plane that serves it
    probing      health checks and names that change, off the path of requests
    admin        what the operator sees and orders, over HTTP
    process      supervisor, workers, the lookout, which does the probing, and the desk, which has the admin
    explain      why a request goes where it goes, and the configuration's tests
    testing      the data plane in a test, in front of applications in memory
    cli          python -m proxy VERB
    demo         a real site to look at

Imports run one way, down; tests/test_layers.py holds the order. The contracts are `http.exchange`,
`http.handler`, `balancing.strategy` and `downstream.switch`. What happens to a request, a connection,
a worker and an attempt in time is in LIFECYCLE.md beside this file.
"""

__version__ = "0.1.0"
