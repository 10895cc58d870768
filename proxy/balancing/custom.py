"""A strategy of the user's, by the name of its class.

Whatever its module does when it is imported or its class when it is made, what comes out is a
strategy or one ValueError that names the class and the reason: it is a mistake in a configuration.
"""

from __future__ import annotations

from importlib import import_module

from proxy.balancing.strategy import Strategy


def load_class(name: str) -> Strategy:
    """Import `package.module:Class` and make one, without arguments.

    Raises:
        ValueError: it cannot be imported or made, or has no `rebuild` and `pick`.
    """
    module_name, _, class_name = name.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:
        raise ValueError(f"strategy {name}: cannot import {module_name}: {_said(error)}") from error
    wanted = getattr(module, class_name, None)
    if wanted is None:
        raise ValueError(f"strategy {name}: {module_name} has no class {class_name}")
    try:
        strategy: Strategy = wanted()
    except Exception as error:
        raise ValueError(f"strategy {name}: cannot make one without arguments: {_said(error)}") from error
    lacking = [method for method in ("rebuild", "pick") if not callable(getattr(strategy, method, None))]
    if lacking:
        raise ValueError(f"strategy {name}: {class_name} lacks {' and '.join(lacking)}")
    return strategy


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
