"""A worker of a cluster: its versions, and the computation of a group of units."""

from __future__ import annotations

import functools
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Mapping
from importlib import metadata, resources
from typing import Any, Final

import sordino
from sordino.checkpoints import identity
from sordino.errors import ClusterError
from sordino.parallel import shipment

EQUAL_PACKAGES: Final = (
    "cloudpickle",
    "distributed",
    "joblib",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "torch",
)
"""Packages of one version on all machines. Others change no value or travel in no unit."""

SAFE_PATH: Final = "PYTHONSAFEPATH"

_COMPUTING: Final = threading.Lock()
"""One group at a time, whatever the number of threads of the worker: units limit the threads of
their whole process.
"""


@functools.cache
def versions() -> dict[str, str]:
    """What must be equal on all machines: Python, the code of sordino and its packages."""
    package = resources.files(sordino)
    rooms = [path.name for path in package.iterdir() if path.is_dir() and path.name[0] != "_"]
    code: str = json.loads(identity(sorted(rooms), ()))[0]
    installed = {}
    for name in EQUAL_PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = "not installed"
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "code of sordino": code[:12],
        SAFE_PATH: str(int(sys.flags.safe_path)),
        **installed,
    }


def check_versions(worker: str, actual: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Refuse a worker with other versions. Raises `ClusterError`."""
    different = [name for name in expected if actual.get(name) != expected[name]]
    if not different:
        return
    if different == [SAFE_PATH]:
        raise ClusterError(
            f"worker {worker} searches its working folder for modules, expected none that does: "
            f"start it with {SAFE_PATH}=1 in its environment"
        )
    name = next(name for name in different if name != SAFE_PATH)
    raise ClusterError(
        f"worker {worker}: {name} {actual.get(name)}, expected {expected[name]} as here: install "
        "the same versions on every machine, then restart its workers"
    )


def run_group(
    content: bytes, expected: Mapping[str, str], folder: str, *parts: Any
) -> tuple[float, list[Any]]:
    """Seconds and results of a group of units; `content` has the function and the units.

    A worker that joined late is checked here. Relative paths mean files of `folder`, the working
    folder of the client; where a machine does not have it, they mean no file.
    """
    # here: a client computes nothing
    from sordino.parallel.prompt_end import prompt_end

    check_versions(platform.node(), versions(), expected)
    with _COMPUTING, prompt_end():
        try:
            os.chdir(folder)
        except OSError:
            os.chdir(os.sep)
        begin = time.perf_counter()
        function, units = shipment.deserialise(
            content, [shipment.from_sent(part) for part in parts]
        )
        results = [function(unit) for unit in units]
        return time.perf_counter() - begin, results
