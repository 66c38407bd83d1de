"""Package mapping of tfx-parity: the top-level folders are sub-packages of tfx_parity.

Bare top-level names (components, kubeflow, schemas) would collide with other people's
packages, so nothing is ever importable under them.
"""

from __future__ import annotations

from setuptools import find_packages, setup

SUB_PACKAGES = {"pipelines": "pipelines", "schemas": "schemas", "kubeflow": "kubeflow"}


def _mapping() -> dict[str, str]:
    """Return package name to folder, for tfx_parity and everything below it."""
    mapping = {"tfx_parity": "components"}
    for name in find_packages("components"):
        mapping[f"tfx_parity.{name}"] = f"components/{name.replace('.', '/')}"
    for name, folder in SUB_PACKAGES.items():
        mapping[f"tfx_parity.{name}"] = folder
        for below in find_packages(folder):
            mapping[f"tfx_parity.{name}.{below}"] = f"{folder}/{below.replace('.', '/')}"
    return mapping


PACKAGES = _mapping()

setup(packages=sorted(PACKAGES), package_dir=PACKAGES)
