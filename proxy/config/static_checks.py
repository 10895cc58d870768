"""What only more than one key of `static:` together can tell."""

from __future__ import annotations

import os
from collections.abc import Iterator

from proxy.config.plain import Finding, Values, is_true, items_of, mapping_of, text_in
from proxy.config.wording import quoted


def check_static(static: Values) -> Iterator[Finding]:
    """Everything that is wrong between the keys of one `static:`."""
    for index, item in enumerate(items_of(static, "cache")):
        if isinstance(item, dict):
            for loc, message in _rule(mapping_of(item)):
                yield ("cache", index, *loc), message
    root, keep = text_in(static.get("root")), text_in(static.get("keep"))
    if keep is not None and not items_of(static, "manifest"):
        yield ("keep",), "means nothing without a manifest, which says what the files of a build are"
    if keep is not None and root is not None and _is_within(keep, root):
        yield ("keep",), f"{quoted(keep)} is in the root, where the next build would clear it away"


def _is_within(inner: str, outer: str) -> bool:
    """As far as the names tell, which are relative to the same folder."""
    inside = os.path.abspath(outer).rstrip("/") + "/"
    return (os.path.abspath(inner) + "/").startswith(inside)


def _rule(rule: Values) -> Iterator[Finding]:
    given = [key for key in ("max_age", "control") if rule.get(key) is not None]
    if not {"max_age", "control"} & rule.keys():
        yield (), "says nothing about its files; give it max_age or control (max_age: null to say nothing)"
    if len(given) == 2:
        yield ("control",), "a second word beside max_age; control is the whole Cache-Control"
    if is_true(rule.get("immutable")) and "max_age" not in given:
        yield ("immutable",), "is for max_age to be longer; there is none"
