"""A digest of the code behind an import path.

TFX keys its cache by a step's inputs and parameters. Code that is passed by its import path is
neither: without a digest among the parameters a changed `run_fn` would be served from the cache.
(Of a `module_file` TFX hashes the content, tfx/orchestration/portable/cache_utils.py.)
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from tfx_parity.errors import BadInputError


def source_digest(function: str, *packages: str) -> str:
    """Return the hexadecimal sha256 of the source behind a function, and of packages that it uses.

    Nothing but the parents of the function's module is imported.

    Args:
        function: The import path of a function, such as `package.module.run_fn`.
        packages: Import paths of packages of which every `.py` file counts.

    Raises:
        BadInputError: If there is no module or package behind a name.
    """
    module, _, _ = function.rpartition(".")
    files = {module: _source(module, function)}
    for package in packages:
        folder = _source(package, package).parent
        files |= {f"{package}/{file.relative_to(folder)}": file for file in folder.rglob("*.py")}
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        data = file.read_bytes()
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def _source(module: str, asked: str) -> Path:
    """Return the file of a module, or the `__init__.py` of a package."""
    try:
        spec = importlib.util.find_spec(module) if module else None
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None or not spec.has_location:
        raise BadInputError(
            "Expected the import path of a function, such as 'package.module.run_fn', found "
            f"{asked!r}, and no module {module!r}. Check the spelling, and that its folder is on "
            "PYTHONPATH."
        )
    return Path(spec.origin)
