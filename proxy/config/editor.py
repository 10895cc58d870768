"""The file's JSON Schema, for editors: what the user writes, not what it decodes to.

An editor names it in the file's first line: `# yaml-language-server: $schema=...`. It knows less
than loading does: nothing of folders, duplicates and the names of pools.
"""

from __future__ import annotations

from typing import Any

from proxy.config.schema import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a configuration file."""
    schema = _without_titles(Config.model_json_schema())
    return {"$schema": DIALECT, "title": "Configuration of the proxy", **schema}


def _without_titles(schema: Any) -> Any:
    """Without pydantic's titles, which say each key's name again, above its description."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = (key for key, value in schema.items() if key != "title" or not isinstance(value, str))
    return {key: _without_titles(schema[key]) for key in kept}
