"""The device on which stacks of networks are trained.

    with train_on("cuda"): ...     studies in this context train their networks on the GPU

Without a context it is `auto`: the first CUDA device if there is one, and the CPU otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import torch

from sordino.errors import StudyError

TRAINING_DEVICES: Final = ("auto", "cpu", "cuda")

_DEVICE: Final[ContextVar[str]] = ContextVar("device", default="auto")


def resolve_device(name: str) -> str:
    """`cpu` or `cuda` for one of `TRAINING_DEVICES`.

    Raises `StudyError` for another name, and for `cuda` without a CUDA device.

    >>> resolve_device("cpu")
    'cpu'
    """
    if name not in TRAINING_DEVICES:
        raise StudyError(
            f"device {name!r}, expected one of {', '.join(TRAINING_DEVICES)}: choose one"
        )
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise StudyError(
            f"device cuda, but PyTorch {torch.__version__} finds no CUDA device, expected one: "
            "install a driver and PyTorch with CUDA, or choose cpu"
        )
    return ("cuda" if available else "cpu") if name == "auto" else name


def training_device() -> str:
    """`cpu` or `cuda`: the device of this context."""
    return resolve_device(_DEVICE.get())


@contextmanager
def train_on(name: str) -> Iterator[str]:
    """Train stacks of networks on this device until the end of the context; yields `cpu` or `cuda`.

    Raises the errors of `resolve_device`.
    """
    device = resolve_device(name)
    token = _DEVICE.set(device)
    try:
        yield device
    finally:
        _DEVICE.reset(token)
