"""How much a request costs here, beside nginx, HAProxy, Caddy and a plain aiohttp proxy.

`python -m benchmarks` (`make bench`) pins the proxy under test to one CPU and the load, the
origin and this program to another, and prints ratios to nginx **measured in the same round**:
absolute figures belong to a machine and its mood, ratios last. CPU per request comes first
(it is the cost), then requests per second and p99. `python -m benchmarks.micro`
(`make bench-micro`) times single pieces.

The rules of this room:

- Equal work: every proxy sets the same seven fields, keeps its connections to the origin
  alive, and logs only in the cases that say so.
- Load like the real thing: browsers' header blocks, another for every client, the same on one
  connection; and one case in which no block ever comes twice (see `wrk`).
- Doubt is shown: a failed request is counted in the table, and where the load rather than the
  proxy was the limit, requests per second are marked as saying nothing.

`cases` says what is measured, `subjects` and `configs` who and how, `wrk` (at half load by `pace`),
`transfers` and `idle` with what; `usage` reads CPU time and memory; `measure` runs it all; `summary`,
`targets`, `table` and `plot` are pure and turn samples into results/. `--quick` takes minutes.
"""
