"""A worker with other versions is refused in one line."""

from __future__ import annotations

import pytest

from sordino.errors import ClusterError
from sordino.parallel import node

HERE = node.versions()


def test_equal_versions_pass() -> None:
    node.check_versions("w", HERE, HERE)
    assert {"Python", "code of sordino", "numpy", "torch"} <= HERE.keys()


@pytest.mark.parametrize("name", ["Python", "code of sordino", "numpy"])
def test_another_version_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match=f"^worker w: {name} 9.9, expected .*: install") as error:
        node.check_versions("w", HERE | {name: "9.9"}, HERE)
    assert "\n" not in str(error.value)


def test_a_worker_that_searches_its_folder_is_refused() -> None:
    expected = HERE | {node.SAFE_PATH: "1"}
    with pytest.raises(ClusterError, match="start it with PYTHONSAFEPATH=1"):
        node.check_versions("w", expected | {node.SAFE_PATH: "0"}, expected)
