"""`python -m benchmarks.micro`: all micro-benchmarks, one after another.

Each is a module `micro_*.py` of this package with a `main()` that prints its table.
"""

from __future__ import annotations

import importlib
import pkgutil

import benchmarks


def modules() -> list[str]:
    """The names of all micro-benchmarks."""
    names = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(f"benchmarks.{name}" for name in names if name.startswith("micro_"))


def main() -> None:
    for name in modules():
        print(f"\n{name}")
        importlib.import_module(name).main()


if __name__ == "__main__":
    main()
