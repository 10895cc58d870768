"""The configurations: what each program is told, as plain text.

Equal work: every proxy sets X-Forwarded-For, -Proto, -Host and -Port, X-Real-IP, X-Request-ID
(a client's own is kept) and Via, passes Host as it came, and keeps connections to the origin
alive. Connections are not ended for their number of requests. Timeouts and buffering are each
program's own: nginx and ours take a request's body whole, into a temporary file, before they pass it on,
the others stream it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ENDLESS = 1_000_000_000  # requests on one connection


@dataclass(frozen=True)
class Setup:
    """What a proxy under test is built around.

    Args:
        listen: its port.
        upstream: the port of what it proxies to.
        site: the folder of its static files.
        folder: its own, for configuration and logs.
        logged: whether it writes an access log, to a file.
        pem: its certificate and key, where it speaks TLS.
    """

    listen: int
    upstream: int
    site: Path
    folder: Path
    logged: bool = False
    pem: Path | None = None

    @property
    def access_log(self) -> Path:
        return self.folder / "access.log"


def ours(setup: Setup) -> str:
    return _ours(setup, f"access_log: {_log(setup, 'combined') if setup.logged else 'false'}")


def ours_bare(setup: Setup) -> str:
    """Without all that can be left out."""
    return _ours(setup, "access_log: false\nrecent: false")


def ours_full(setup: Setup) -> str:
    """As it is operated: two workers, a JSON log, the operator's door with /metrics, the last requests."""
    told = f"access_log: {_log(setup, 'json')}\nadmin: unix:{setup.folder}/admin.sock"
    return _ours(setup, told, workers=2)


def _log(setup: Setup, form: str) -> str:
    return f"{{path: {setup.access_log}, format: {form}}}"


def _ours(setup: Setup, told: str, workers: int = 1) -> str:
    tls = f"{{certificate: {setup.pem}, key: {setup.pem}}}" if setup.pem else "null"
    return f"""\
listen: {{address: 127.0.0.1:{setup.listen}, tls: {tls}}}
workers: {workers}
{told}
pools:
  web:
    endpoints: [127.0.0.1:{setup.upstream}]
routes:
  - match: {{path: /static/*}}
    static: {{root: {setup.site}, compress: false}}   # the octets that nginx sends
  - reverse_proxy: web
"""


def nginx(setup: Setup) -> str:
    # Buffered like ours: a write per line would be a handicap.
    log = f"{setup.access_log} combined buffer=32k flush=1s" if setup.logged else "off"
    return f"""\
{_nginx_head(setup.folder)}
http {{
  {_nginx_folders(setup.folder)}
  access_log {log};
  sendfile on;
  tcp_nopush on;
  keepalive_requests {ENDLESS};
  client_max_body_size 100m;
  default_type application/octet-stream;
  types {{ text/html html; text/plain txt; }}
  open_file_cache max=2000 inactive=60s;  # all files of all cases
  open_file_cache_valid 5s;
  map $http_x_request_id $made_id {{ default $http_x_request_id; '' $request_id; }}
  upstream web {{
    server 127.0.0.1:{setup.upstream};
    keepalive 64;
    keepalive_requests {ENDLESS};
  }}
  server {{
    listen 127.0.0.1:{setup.listen} {"ssl " if setup.pem else ""}backlog=1024;
    {_nginx_tls(setup.pem) if setup.pem else ""}
    location /static/ {{ alias {setup.site}/; }}
    location / {{
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Request-ID $made_id;
      proxy_set_header Via "1.1 nginx";
    }}
  }}
}}
"""


def _nginx_tls(pem: Path) -> str:
    return f"ssl_certificate {pem}; ssl_certificate_key {pem}; ssl_protocols TLSv1.2 TLSv1.3;"


def haproxy(setup: Setup) -> str:
    tls = f" ssl crt {setup.pem}" if setup.pem else ""
    return f"""\
global
  maxconn 8000
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  # As the others do: a new client's first request may go over a kept connection, too.
  http-reuse always
frontend clients
  bind 127.0.0.1:{setup.listen} backlog 1024{tls}
  unique-id-format %{{+X}}o%ci%cp%fi%fp%Ts%rt%pid
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http{"s" if setup.pem else ""}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Request-ID %[unique-id] unless {{ req.hdr(x-request-id) -m found }}
  http-request set-header Via "1.1 haproxy"
  default_backend web
backend web
  server one 127.0.0.1:{setup.upstream}
"""


def caddy(setup: Setup) -> str:
    # X-Forwarded-For, -Proto, -Host and Via are set by its reverse_proxy anyway.
    return f"""\
{{
  admin off
  auto_https {"disable_redirects" if setup.pem else "off"}
  persist_config off
}}
{f"https://localhost:{setup.listen}, https://127.0.0.1" if setup.pem else "http://"}:{setup.listen} {{
  {f"tls {setup.pem} {setup.pem}" if setup.pem else ""}
  bind 127.0.0.1
  handle_path /static/* {{
    root * {setup.site}
    file_server
  }}
  handle {{
    @unnamed not header X-Request-ID *
    request_header @unnamed X-Request-ID {{http.request.uuid}}
    reverse_proxy 127.0.0.1:{setup.upstream} {{
      header_up X-Forwarded-Port {{http.request.port}}
      header_up X-Real-IP {{http.request.remote.host}}
    }}
  }}
}}
"""


def origin(port: int, site: Path, folder: Path, body: str) -> str:
    """The origin: as cheap as can be, so that the proxy is the slowest of the chain.

    `/upload` reads the whole body before it answers; nginx's `return` alone would answer at
    once, which is another exercise.
    """
    return f"""\
{_nginx_head(folder)}
http {{
  {_nginx_folders(folder)}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests {ENDLESS};
  keepalive_timeout 10m;
  open_file_cache max=100;
  default_type text/plain;
  upstream self {{ server 127.0.0.1:{port}; keepalive 16; keepalive_requests {ENDLESS}; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    client_max_body_size 100m;
    location / {{ return 200 "{body}"; }}
    location /files/ {{ alias {site}/; }}
    location /upload {{
      client_body_buffer_size 16m;
      proxy_pass http://self/;
      proxy_http_version 1.1;
      proxy_pass_request_body off;
      proxy_pass_request_headers off;
      proxy_method GET;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
    }}
  }}
}}
"""


def _nginx_head(folder: Path) -> str:
    return f"""\
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
user root;
worker_processes 1;
worker_rlimit_nofile 8192;
daemon off;
events {{ worker_connections 4096; }}"""


def _nginx_folders(folder: Path) -> str:
    return " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
