"""A strategy of the user's own: whether the class that `package.module:Class` names can be used.

The rule of this room: whatever the user's module does when it is imported, what comes back is one
line. Its folders stay on Python's path: the class may import more when it picks, and a worker that
is made later imports it again.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import Final

from proxy.balancing import custom
from proxy.config.wording import choices, nearest

LONGEST = 300  # characters of what an import says
OURS: Final = {__file__, custom.__file__, importlib.__file__}  # in a traceback before the user's code


def problem_of(name: str, folder: Path) -> str | None:
    """What is wrong with the class of that name, as a message; None where nothing is."""
    _look_in(folder)
    try:
        custom.load_class(name)
    except ValueError as error:
        return _line(error) + (_place(error.__cause__) if error.__cause__ else _other_classes(name))
    except SystemExit as error:  # a program, which ends where it would be imported
        return f"{name}: cannot import it: it ends with SystemExit{_place(error)}"
    return None


def _look_in(folder: Path) -> None:
    """Search the configuration's folder too; last, so that no file beside it hides a package."""
    for path in (str(folder.absolute()), os.getcwd()):
        if path not in sys.path:
            sys.path.append(path)
    importlib.invalidate_caches()  # the module may be younger than the last look into its folder


def _line(error: ValueError) -> str:
    """Its text on one line, without what no terminal shows and what the key's path says."""
    text = str(error).removeprefix("strategy ")
    return repr(" ".join(text.split())[:LONGEST])[1:-1]


def _place(cause: BaseException) -> str:
    """Where in the user's code it happened, or where a module was looked for."""
    passed = traceback.extract_tb(cause.__traceback__)
    frames = [frame for frame in passed if frame.filename not in OURS and not frame.filename.startswith("<")]
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    if isinstance(cause, ModuleNotFoundError):
        return f"{where}; looked in this file's folder, the current folder and what is installed"
    return where


def _other_classes(name: str) -> str:
    """`; did you mean 'Mine'? (Mine, Yours)` of the classes that could be meant."""
    module, _, wanted = name.partition(":")
    names = [key for key, value in vars(sys.modules[module]).items() if isinstance(value, type)]
    return "" if wanted in names else nearest(wanted, names) + choices(names)
