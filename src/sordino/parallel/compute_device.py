"""The device of networks, encoders and kernels: the processor, or a GPU with CUDA.

    with compute_on("cuda"): ...     work in this context runs on the first CUDA device

Without a context it is `auto`: the first CUDA device if there is one, and the CPU otherwise.
`sordino.parallel.map` carries the context to its workers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Final, TypeVar

from sordino.errors import StudyError

COMPUTE_DEVICES: Final = ("auto", "cpu", "cuda")

_DEVICE: Final[ContextVar[str]] = ContextVar("device", default="auto")

Argument = TypeVar("Argument")
Value = TypeVar("Value")


def resolve_device(name: str) -> str:
    """`cpu` or `cuda` for one of `COMPUTE_DEVICES`; `auto` is `cpu` without PyTorch.

    Raises `StudyError` for another name, and for `cuda` without a CUDA device.

    >>> resolve_device("cpu")
    'cpu'
    """
    if name not in COMPUTE_DEVICES:
        raise StudyError(
            f"device {name!r}, expected one of {', '.join(COMPUTE_DEVICES)}: choose one"
        )
    if name == "cpu":
        return name
    if importlib.util.find_spec("torch") is None:
        available, finder = False, "PyTorch is absent and"
    else:
        import torch  # here, as it loads slowly

        available, finder = torch.cuda.is_available(), f"PyTorch {torch.__version__}"
    if name == "cuda" and not available:
        raise StudyError(
            f"device cuda, but {finder} finds no CUDA device, expected one: install a driver and "
            "PyTorch with CUDA, or choose cpu"
        )
    return "cuda" if available else "cpu"


def compute_device() -> str:
    """`cpu` or `cuda`: the device of this context."""
    return resolve_device(_DEVICE.get())


@contextmanager
def compute_on(name: str) -> Iterator[str]:
    """Compute on this device until the end of the context; yields `cpu` or `cuda`.

    Raises the errors of `resolve_device`.
    """
    device = resolve_device(name)
    token = _DEVICE.set(device)
    try:
        yield device
    finally:
        _DEVICE.reset(token)


def with_context(function: Callable[[Argument], Value]) -> Callable[[Argument], Value]:
    """The function, which other processes call in the context of this one."""
    device = _DEVICE.get()
    return function if device == "auto" else partial(_call_on, device, function)


def _call_on(device: str, function: Callable[[Argument], Value], unit: Argument) -> Value:
    with compute_on(device):
        return function(unit)
