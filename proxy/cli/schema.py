"""`schema`: the configuration's JSON Schema."""

from __future__ import annotations

import argparse
import json

HELP = "print the configuration's JSON Schema, for editors"


def main(_: argparse.Namespace) -> int:
    from proxy.config.load import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0
