"""How fast sequences are learnt from: bucketed batches against the padded loop that one would
write, side by side.

    python benchmarks/sequences.py --clips 860 --rounds 3

Clips are noise with lengths as speech has them (lognormal), drawn with a fixed seed; the network is
that of the study's defaults, on one thread. A round trains every way for one epoch from the same
first weights; the fastest round of each counts, in seconds of the processor, which on a machine
without other work are seconds. The first three ways see the same random batches, so they have to
end in the same loss, which is checked:

- plain loop: random batches, padded, through `torch.nn.GRU`;
- packed: the same, with packed sequences, which spare the recurrence the padding;
- by hand: the same batches through `sordino.nn.recurrent.gru`;
- sordino: that, and rows of like length in one batch.

`--stride 1` is what a paper that names no stride may have meant.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad, relu
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sordino.nn import Multimodal, Sequences, Shape, bucketed
from sordino.nn.fit import Batch

TOLERANCE = 1e-3
"""How far the mean losses of two ways on the same batches may lie apart: sums in another order,
over an epoch.
"""

Way = tuple[Callable[[Multimodal, Batch], Tensor], Callable[[Sequences, int], Sequence[Tensor]]]
"""From a network and a batch to logits; from rows and the size of a batch to the positions of all
batches.
"""


def main() -> None:
    """Print clips a second, padding and ratio of all ways."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=860, help="how many (default: %(default)s)")
    parser.add_argument(
        "--frames", type=int, default=350, help="median length, 10 ms each (default: %(default)s)"
    )
    parser.add_argument(
        "--spread", type=float, default=0.6, help="sd of the log length (default: %(default)s)"
    )
    parser.add_argument(
        "--batch", type=int, default=32, help="clips a batch (default: %(default)s)"
    )
    parser.add_argument(
        "--kernels", type=int, default=32, help="of each convolution (default: %(default)s)"
    )
    parser.add_argument(
        "--stride", type=int, default=2, help="of each convolution (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="epochs of each way (default: %(default)s)"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows, labels = clips(given.clips, given.frames, given.spread)
    shape = Shape(kernels=given.kernels, conv_stride=given.stride)
    lengths = rows.lengths["audio"]
    print(f"{given.clips} clips of {int(lengths.min())} to {int(lengths.max())} frames, one thread")
    ways: dict[str, Way] = {
        "plain loop": (padded, shuffled),
        "packed": (packed, shuffled),
        "by hand": (ours, shuffled),
        "sordino": (
            ours,
            lambda rows, size: bucketed(rows, size, torch.Generator().manual_seed(0)),
        ),
    }
    seconds, losses = dict.fromkeys(ways, float("inf")), dict.fromkeys(ways, 0.0)
    for _ in range(given.rounds):
        for name, way in ways.items():
            begin = time.process_time()
            losses[name] = epoch(shape, rows, labels, given.batch, way)
            seconds[name] = min(seconds[name], time.process_time() - begin)
    for name, (_, order) in ways.items():
        frames = sum(len(batch) * int(lengths[batch].max()) for batch in order(rows, given.batch))
        print(
            f"{name:<12} {seconds[name]:7.2f} s an epoch {given.clips / seconds[name]:8.0f} "
            "clips/s "
            f"{seconds['plain loop'] / seconds[name]:6.2f} times the plain loop   "
            f"{frames / int(lengths.sum()):.2f} frames computed for each heard"
        )
    apart = max(abs(losses[name] - losses["plain loop"]) for name in ("packed", "by hand"))
    if apart > TOLERANCE:
        raise SystemExit(f"on the same batches the ways come to other losses: {apart:.3g} apart")


def clips(count: int, median: int, spread: float) -> tuple[Sequences, Tensor]:
    """Noise of 40 dimensions and labels of three classes."""
    generator = np.random.default_rng(0)
    lengths = np.maximum(1, np.exp(generator.normal(np.log(median), spread, size=count))).astype(
        int
    )
    made = [generator.normal(size=(length, 40)) for length in lengths]
    return Sequences.of(audio=made), torch.tensor(generator.integers(3, size=count))


def epoch(shape: Shape, rows: Sequences, labels: Tensor, size: int, way: Way) -> float:
    """Train fresh weights for one epoch; the mean loss of its batches."""
    logits_of, order = way
    torch.manual_seed(0)
    network = Multimodal(shape)
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    total = 0.0
    for chosen in order(rows, size):
        optimizer.zero_grad()
        loss = cross_entropy(logits_of(network, rows.pad(chosen)), labels[chosen])
        torch.autograd.backward(loss)
        optimizer.step()
        total += float(loss.detach()) * len(chosen)
    return total / len(rows)


def shuffled(rows: Sequences, size: int) -> Sequence[Tensor]:
    return torch.split(torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)), size)


def ours(network: Multimodal, batch: Batch) -> Tensor:
    return network(batch).primary["activation"]  # type: ignore[no-any-return]


def padded(network: Multimodal, batch: Batch) -> Tensor:
    """The same network with the recurrence of torch, over every padded step."""
    x, lengths, recurrence = _convolved(network, batch)
    states, _ = recurrence(x)
    return _read(network, states, lengths)


def packed(network: Multimodal, batch: Batch) -> Tensor:
    """The same network with the recurrence of torch, over packed sequences."""
    x, lengths, recurrence = _convolved(network, batch)
    states, _ = recurrence(pack_padded_sequence(x, lengths, enforce_sorted=False))
    return _read(network, pad_packed_sequence(states)[0], lengths)


def _convolved(network: Multimodal, batch: Batch) -> tuple[Tensor, Tensor, nn.Module]:
    stream, stride = network.get_submodule("streams.audio"), network.shape.conv_stride
    x, lengths = batch["audio"].transpose(1, 2), batch["audio_length"]
    for convolution in stream.get_submodule("convolutions").children():
        x = relu(convolution(pad(x, (network.shape.conv_width - stride, -x.shape[2] % stride))))
        lengths = -(-lengths // stride)
        x = x * (torch.arange(x.shape[2]) < lengths[:, None])[:, None]
    return x.permute(2, 0, 1), lengths, stream.get_submodule("recurrence")


def _read(network: Multimodal, states: Tensor, lengths: Tensor) -> Tensor:
    heard = (torch.arange(len(states))[:, None] < lengths)[..., None]  # (steps, n, 1)
    mean = (states * heard).sum(dim=0) / lengths[:, None]
    output: Tensor = network.primary["activation"](mean)
    return output


if __name__ == "__main__":
    main()
