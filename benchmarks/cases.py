"""The cases: what is asked of every proxy, in the order of the table."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.subjects import Subject
from benchmarks.transfers import Transfers
from benchmarks.wrk import Load

FLASK_PATH = "/hello/world"


@dataclass(frozen=True)
class Case:
    """One kind of traffic.

    Args:
        name: for `--only`.
        group: cases of one group share a panel of the plot.
        title: for the table.
        load: what is sent.
        logged: with an access log, which only some subjects can write to a file themselves.
        flask: behind the proxy is Flask under gunicorn, not the bare origin.
        idle: while 1,000 other connections sit idle; how much memory these take is measured too.
        half_of: at half the rate that the subject reached in this case.
        secure: over TLS 1.3, with a key on the curve P-256.
    """

    name: str
    group: str
    title: str
    load: Load | Transfers
    logged: bool = False
    flask: bool = False
    idle: bool = False
    half_of: str = ""
    secure: bool = False

    @property
    def is_static(self) -> bool:
        return self.load.path.startswith("/static/")

    def takes(self, subject: Subject) -> bool:
        """Whether a subject can take part."""
        if (subject.only and self.name not in subject.only) or (self.secure and not subject.can_be_secure):
            return False
        return (subject.serves_files or not self.is_static) and (subject.can_log or not self.logged)


_ALL = (
    Case("small", "proxied", "14 bytes, kept alive", Load("/")),
    Case("small-varying", "proxied", "14 bytes, no two header blocks alike", Load("/", varying=True)),
    Case("small-log", "proxied", "14 bytes, access log on", Load("/"), logged=True),
    # One thread of load: sixteen wait for each other on their CPU, which wrk counts as time of the answer.
    Case("small-half", "proxied", "14 bytes, at half load", Load("/", clients=1, connections_each=64),
         half_of="small"),
    Case("small-fresh", "proxied", "14 bytes, fresh connections", Load("/", fresh=True)),
    Case("small-idle", "proxied", "14 bytes, beside 1,000 idle connections", Load("/"), idle=True),
    Case("flask", "proxied", "Flask under gunicorn", Load(FLASK_PATH, connections_each=1), flask=True),
    Case("down10m", "10 MB proxied", "10 MB down", Transfers("/files/10m.bin")),
    Case("up10m", "10 MB proxied", "10 MB up", Transfers("/upload", upload=True)),
    Case("static1k", "static files", "1 KB", Load("/static/1k.html")),
    Case("static1k-varying", "static files", "1 KB, no two header blocks alike",
         Load("/static/1k.html", varying=True)),
    Case("static1k-304", "static files", "1 KB that the client has: 304",
         Load("/static/1k.html", known=True)),
    Case("static1k-fresh", "static files", "1 KB, fresh connections", Load("/static/1k.html", fresh=True)),
    Case("static1k-log", "static files", "1 KB, access log on", Load("/static/1k.html"), logged=True),
    Case("static64k", "static files", "64 KB", Load("/static/64k.html")),
    Case("static-mix", "static files", "1,000 files of 1-64 KB, by Zipf's law", Load("/static/", mix=True)),
    Case("static10m", "static files", "10 MB", Transfers("/static/10m.bin")),
    Case("tls-small", "TLS", "14 bytes proxied", Load("/"), secure=True),
    Case("tls-fresh", "TLS", "14 bytes proxied, fresh connections", Load("/", fresh=True), secure=True),
    Case("tls-static1k", "TLS", "1 KB file", Load("/static/1k.html"), secure=True),
    Case("tls-static64k", "TLS", "64 KB file", Load("/static/64k.html"), secure=True),
)
CASES: dict[str, Case] = {case.name: case for case in _ALL}
