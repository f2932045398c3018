"""Networks are trained on the device that a user names, and on no other."""

from __future__ import annotations

import pytest
import torch

from sordino.errors import StudyError
from sordino.nn import train_on, training_device
from sordino.nn.training_device import resolve_device


def test_a_context_decides_the_device() -> None:
    before = training_device()
    with train_on("cpu") as device:
        assert device == training_device() == "cpu"
    assert training_device() == before


def test_an_error_ends_the_context() -> None:
    before = training_device()
    with pytest.raises(KeyError), train_on("cpu"):
        raise KeyError
    assert training_device() == before


def test_auto_is_a_gpu_only_if_there_is_one() -> None:
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def test_another_device_is_refused() -> None:
    with pytest.raises(StudyError, match="device 'tpu', expected one of auto, cpu, cuda"):
        resolve_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(StudyError, match=r"finds no CUDA device, .*choose cpu"):
        resolve_device("cuda")
