"""How much faster a GPU is than one thread of the processor, part by part.

    python benchmarks/compute_device.py
    python benchmarks/compute_device.py --rows 4000 --networks 60

    stacks    autoencoders of a study: one after the other, and as a stack
    encoder   `speech`, or `speech-tiny`: single sounds as in a bundle, and batches
    kernels   the kernel attackers of a quick audit on a secret and 199 shuffles

Each part prints seconds, the ratio, and the largest difference as a share of the largest number.
Without a CUDA device the seconds of the processor are printed alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from training import alone, job

from sordino.attack.attackers import kernels
from sordino.attack.splits import crossfit
from sordino.nn import Settings, fit_stacks
from sordino.parallel.compute_device import compute_on, resolve_device
from sordino.signal.encoder import BASE, TINY_EN, Speech, is_installed

Part = Callable[[str], Sequence[np.ndarray]]
"""From a device to the arrays that are compared."""


def main() -> None:
    """Print one line a part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=30, help="of a stack (%(default)s)")
    parser.add_argument("--sounds", type=int, default=64, help="of 4 s each (%(default)s)")
    parser.add_argument("--rows", type=int, default=2000, help="of an audit (%(default)s)")
    parser.add_argument("--dimensions", type=int, default=384, help="of a row (%(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = resolve_device("auto")
    card = torch.cuda.get_device_name() if device == "cuda" else "no CUDA device"
    print(f"{card}; PyTorch {torch.__version__}", flush=True)
    parts: dict[str, Part] = {"stacks": partial(stacks, networks=options.networks)}
    if speech := installed_speech():
        parts[f"encoder {speech.name}"] = partial(encoder, speech, sounds=options.sounds)
    parts["kernels"] = partial(kernel_scores, rows=options.rows, dimensions=options.dimensions)
    for name, part in parts.items():
        compare(name, part, device)


def compare(name: str, part: Part, device: str) -> None:
    """Print the seconds of a part on the processor and on a device, and the ratio."""
    with threadpool_limits(1):
        seconds, expected = timed(part, "cpu")
    line = f"{name:<20} cpu {seconds:8.2f} s"
    if device != "cpu":
        part(device)  # wakes the device and loads what it needs
        faster, values = timed(part, device)
        apart = max(
            float(np.nanmax(np.abs(a - b)) / max(np.nanmax(np.abs(b)), 1e-30))
            for a, b in zip(values, expected, strict=True)
        )
        line += f"   {device} {faster:8.2f} s   ratio {seconds / faster:6.1f}   apart {apart:.0e}"
    print(line, flush=True)


def timed(part: Part, device: str) -> tuple[float, Sequence[np.ndarray]]:
    begin = time.perf_counter()
    values = part(device)
    return time.perf_counter() - begin, values


def stacks(device: str, networks: int) -> list[np.ndarray]:
    """The validation losses of networks of the grid of a study."""
    settings = Settings(epochs=20, patience=20)
    jobs = [job(number, 400, 256, settings) for number in range(networks)]
    trained = [alone(one) for one in jobs] if device == "cpu" else fit_stacks(jobs, device)
    return [np.array([network.loss for network in trained])]


def installed_speech() -> Speech | None:
    """The larger set of those with weights."""
    for name, checkpoint in (("speech", BASE), ("speech-tiny", TINY_EN)):
        if is_installed(checkpoint):
            return Speech(name, checkpoint)
    print("encoder              no weights are installed: left out")
    return None


def encoder(speech: Speech, device: str, sounds: int) -> list[np.ndarray]:
    """The vectors of noise."""
    random = np.random.default_rng(0)
    samples = random.normal(0, 0.1, (sounds, 4 * speech.sampling_rate)).astype(np.float32)
    if device == "cpu":
        return [speech(sound) for sound in samples]
    return speech.compute_batch([speech.prepare(sound) for sound in samples], device)


def kernel_scores(device: str, rows: int, dimensions: int) -> list[np.ndarray]:
    """The scores of all kernel attackers."""
    random = np.random.default_rng(0)
    speaker = np.arange(rows) * 50 // rows
    x = random.normal(size=(rows, dimensions))
    labels = np.stack([random.permutation(50)[speaker] % 2 for _ in range(200)], 1).astype(float)
    with compute_on(device):
        scores = kernels.scores(x, labels, crossfit(speaker % 5), speaker)
        return [score.values for score in scores]


if __name__ == "__main__":
    main()
