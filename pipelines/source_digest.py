"""A digest of the code behind an import path.

TFX keys its cache by a step's inputs and parameters. Code that is passed by its import path is
neither: without a digest among the parameters a changed `run_fn` would be served from the cache.
(Of a `module_file` TFX hashes the content, tfx/orchestration/portable/cache_utils.py.)
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from tfx_parity.errors import BadInputError


def source_digest(*names: str) -> str:
    """Return the hexadecimal sha256 of the sources of modules and packages.

    Args:
        names: Import paths of modules, packages (every `.py` file below them counts), or of
            something inside a module, such as the function `package.module.run_fn`.

    Raises:
        BadInputError: If there is no module or package behind a name.
    """
    digest = hashlib.sha256()
    for name in names:
        for label, file in _files(name):
            data = file.read_bytes()
            digest.update(f"{label} {len(data)}\n".encode())
            digest.update(data)
    return digest.hexdigest()


def _files(name: str) -> Iterator[tuple[str, Path]]:
    """Yield the name and path of each source file behind an import path, in a fixed order."""
    module, origin = _located(name)
    if origin.name != "__init__.py":
        yield module, origin
        return
    for file in sorted(origin.parent.rglob("*.py")):
        yield f"{module}/{file.relative_to(origin.parent).as_posix()}", file


def _located(name: str) -> tuple[str, Path]:
    """Return the module that an import path leads to, and its file, without importing it."""
    for module in (name, name.rpartition(".")[0]):
        try:
            spec = importlib.util.find_spec(module) if module else None
        except ModuleNotFoundError:
            spec = None
        if spec is not None and spec.origin is not None and spec.has_location:
            return module, Path(spec.origin)
    raise BadInputError(
        f"Expected the import path of a function, such as 'package.module.run_fn', found {name!r}, "
        "and no module of that name. Check the spelling, and that its folder is on PYTHONPATH."
    )
