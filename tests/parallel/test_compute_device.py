"""Work is computed on the device that a user names, and on no other."""

from __future__ import annotations

import pytest
import torch

from sordino import parallel
from sordino.errors import StudyError
from sordino.parallel.compute_device import compute_device, compute_on, resolve_device, with_context


def test_a_context_decides_the_device() -> None:
    before = compute_device()
    with compute_on("cpu") as device:
        assert device == compute_device() == "cpu"
    assert compute_device() == before


def test_an_error_ends_the_context() -> None:
    before = compute_device()
    with pytest.raises(KeyError), compute_on("cpu"):
        raise KeyError
    assert compute_device() == before


def test_auto_is_a_gpu_only_if_there_is_one() -> None:
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def test_another_device_is_refused() -> None:
    with pytest.raises(StudyError, match="device 'tpu', expected one of auto, cpu, cuda"):
        resolve_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(StudyError, match=r"finds no CUDA device, .*choose cpu"):
        resolve_device("cuda")


def _context(_unit: int) -> str:
    return repr(with_context(abs))


def test_workers_have_the_context_of_their_caller() -> None:
    with compute_on("cpu"):
        names = list(parallel.map(_context, [0, 1], jobs=2))
    assert all("'cpu'" in name for name in names)
