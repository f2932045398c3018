"""How fast the networks of a study are trained: one thread, one process a core, and as a stack,
side by side.

    python benchmarks/training.py --networks 30 --rows 400 --epochs 30
    python benchmarks/training.py --device cuda

The networks are those of the study's grid: replacement autoencoders with gradient reversal, half
with an embedding of 16 and half with one of 32, on random vectors of a fixed seed, for a fixed
number of epochs. None of the ways has random numbers of its own here, so all have to end in the
same validation losses, which is checked. Processes are started before the clock is, since a study
starts them once; how long that took is printed too.

All networks learn equally long here, which favours stacks a little: where networks stop early, a
stack goes on until the last of them has. And the figures say nothing of what else a study does: on
a CPU it gives a process a whole unit of work (scaling, networks, attackers) and keeps each unit as
soon as it is done, so no stack holds many units' networks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from sordino import parallel
from sordino.nn import Job, ReplacementAutoencoder, Settings, fit_stacks
from sordino.nn.autoencoder import ReplacementLoss, ReversalTraining
from sordino.nn.fit import TrainedNetwork, fit
from sordino.parallel.compute_device import COMPUTE_DEVICES, resolve_device

EMBEDDINGS = (16, 32)
TOLERANCE = 1e-3
"""How far the validation losses of two ways may lie apart: sums in another order, over all steps of
the training.
"""

Way = Callable[[Sequence[Job]], Sequence[TrainedNetwork]]


def main() -> None:
    """Print seconds and ratios of all ways that this device has."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--networks", type=int, default=30, help="how many to train (default: %(default)s)"
    )
    parser.add_argument(
        "--rows", type=int, default=400, help="rows that each is trained on (default: %(default)s)"
    )
    parser.add_argument(
        "--inputs", type=int, default=256, help="dimensions of a row (default: %(default)s)"
    )
    parser.add_argument(
        "--epochs", type=int, default=30, help="for how long (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=parallel.count_workers(),
        help="cores (%(default)s)",
    )
    parser.add_argument(
        "--device",
        choices=COMPUTE_DEVICES,
        default="auto",
        help="cuda: also a stack on the GPU, auto: where there is one (default: %(default)s)",
    )
    options = parser.parse_args()
    settings = Settings(epochs=options.epochs, patience=options.epochs)
    jobs = [
        job(number, options.rows, options.inputs, settings) for number in range(options.networks)
    ]
    print(
        f"{options.networks} networks, {options.rows} rows of {options.inputs}, "
        f"{options.epochs} epochs, {options.jobs} cores"
    )
    begin = time.perf_counter()
    compute = partial(parallel.map, jobs=options.jobs, ordered=True)
    list(compute(partial(alone, warm_up=True), jobs[:1] * options.jobs))
    print(f"processes started in {time.perf_counter() - begin:.1f} s")
    ways: dict[str, Way] = {
        "one-thread loop": loop,
        "one process a core": lambda jobs: list(compute(alone, jobs)),
        "torch.func stack on CPU": lambda jobs: stacked(jobs, options.jobs),
        "a stack in each process": lambda jobs: [
            one for share in compute(stacked, shares(jobs, options.jobs)) for one in share
        ],
    }
    device = resolve_device(options.device)
    if device == "cuda":
        # the device is woken before the clock starts
        fit_stacks([job(0, 8, 8, Settings(epochs=1))], device)
        ways[f"stack on {torch.cuda.get_device_name()}"] = lambda jobs: fit_stacks(jobs, device)
    compare(ways, jobs)
    print("sordino uses here:", [*ways][-1] if device == "cuda" else "one process a core")


def job(number: int, rows: int, inputs: int, settings: Settings) -> Job:
    """One network of the grid, with a third as many validation rows as rows."""
    torch.manual_seed(number)
    network = ReversalTraining(ReplacementAutoencoder(inputs, EMBEDDINGS[number % 2]))

    def batch(count: int) -> dict[str, torch.Tensor]:
        x, target = torch.randn(2, count, inputs)
        return {
            "x": x,
            "target": target,
            "gender": torch.randint(2, (count,)),
            "strength": torch.full((count, 1), 0.5),
        }

    return Job(network, ReplacementLoss(), batch(rows), batch(rows // 3), settings, number)


def alone(job: Job, warm_up: bool = False) -> TrainedNetwork:
    """One network on one thread of the process that this runs in."""
    torch.set_num_threads(1)
    return fit(
        Job(job.module, job.loss, job.train, job.validation, Settings(epochs=1)) if warm_up else job
    )


def loop(jobs: Sequence[Job]) -> list[TrainedNetwork]:
    return [alone(job) for job in jobs]


def stacked(jobs: Sequence[Job], threads: int = 1) -> list[TrainedNetwork]:
    torch.set_num_threads(threads)
    return fit_stacks(jobs, "cpu")


def shares(jobs: Sequence[Job], count: int) -> list[Sequence[Job]]:
    """`count` runs of jobs of equal length, give or take one."""
    ends = [len(jobs) * place // count for place in range(count + 1)]
    return [jobs[begin:end] for begin, end in pairwise(ends) if end > begin]


def compare(ways: dict[str, Way], jobs: Sequence[Job]) -> None:
    """Print one line a way. Ends with an error where two ways do not come to the same losses."""
    first: tuple[float, list[float]] | None = None
    for name, way in ways.items():
        begin = time.perf_counter()
        losses = [one.loss for one in way(jobs)]
        seconds = time.perf_counter() - begin
        first = first or (seconds, losses)
        apart = float(np.max(np.abs(np.subtract(losses, first[1]))))
        ratio = f"{first[0] / seconds:5.2f} times as fast as the loop"
        print(f"{name:<24} {seconds:7.2f} s   {ratio}   losses within {apart:.0e}", flush=True)
        if apart > TOLERANCE:
            raise SystemExit(f"{name} comes to other losses than the loop: {apart:.3g} apart")


if __name__ == "__main__":
    main()
