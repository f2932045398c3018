"""Worker processes that import no file of the working folder.

joblib starts a worker with `python -m`, and its tracker of shared files with `python -c`. Python
then searches the working folder first, so a file `queue.py` in a downloaded corpus would run. With
`PYTHONSAFEPATH` it does not. A user's own module reaches the workers by value (`sordino.plugins`).
"""

from __future__ import annotations

import os
from typing import Any


def exclude_working_folder() -> None:
    """Let no Python process that starts from now on search the working folder for modules.

    The setting lasts, since joblib replaces a worker that ends at any time.
    """
    os.environ["PYTHONSAFEPATH"] = "1"  # whatever the user's environment has


def parallel(jobs: int, **options: Any) -> Any:
    """A `joblib.Parallel` of `jobs` processes (0 for all cores) with safe workers.

    `options` are those of `joblib.Parallel`.

    >>> import joblib
    >>> parallel(1)(joblib.delayed(abs)(number) for number in (-1, 2))
    [1, 2]
    """
    import joblib  # imported here: the command line starts without it

    exclude_working_folder()
    return joblib.Parallel(n_jobs=jobs or -1, **options)
