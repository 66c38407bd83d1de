"""Whether an import path leads to something, found without running the code on its way.

Importing `tfx.components.trainer.executor` takes half a minute; looking where it lies does not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

_FUNCTION_EXECUTOR = "_Executor"
"""What TFX's @component appends to a function's name for the class that it makes."""


def is_importable(path: str) -> bool:
    """Return whether a module defines, imports or exports a name.

    Args:
        path: The import path of a class, such as `package.module.Class`.
    """
    module, _, name = path.rpartition(".")
    found = _find(module)
    if found is None or found.origin is None or not found.has_location:
        return False
    tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    names = set(_names(tree.body))
    return name in names or (
        name.endswith(_FUNCTION_EXECUTOR) and name.removesuffix(_FUNCTION_EXECUTOR) in names
    )


def _find(module: str) -> ModuleSpec | None:
    """Find a module as Python does, without importing its parents."""
    found: ModuleSpec | None = None
    folders: Sequence[str] | None = None
    parts = module.split(".")
    for depth in range(len(parts)):
        name = ".".join(parts[: depth + 1])
        specs = (finder.find_spec(name, folders) for finder in sys.meta_path)
        found = next((spec for spec in specs if spec is not None), None)
        if found is None:
            return None
        folders = found.submodule_search_locations
    return found


def _names(statements: Sequence[ast.stmt]) -> list[str]:
    """Return the names that a module's statements give, inside its ifs and trys too."""
    names: list[str] = []
    for statement in statements:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            names.append(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names += [alias.asname or alias.name.split(".")[0] for alias in statement.names]
        elif isinstance(statement, ast.Assign):
            names += [target.id for target in statement.targets if isinstance(target, ast.Name)]
        elif isinstance(statement, ast.If | ast.Try):
            names += _names([*statement.body, *statement.orelse])
    return names
