"""The network of Jaiswal 2020: sound and words to one embedding, and what is to be read or not read
from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear, pad, relu

from sordino.errors import ReleaseError
from sordino.nn.fit import Batch
from sordino.nn.recurrent import gru
from sordino.nn.reversal import reverse
from sordino.nn.sequences import STREAMS, Sequences, by_length, mask


@dataclass(frozen=True)
class Shape:
    """The sizes of a network; defaults are the smallest of the paper's grid (section 4.1), its
    choices beside them.

    - `audio`, `text`: dimensions of a step of each stream, None where there is no such stream.
    - `conv_layers` {3, 4}, `conv_width` {2, 3}, `kernels` {32, 64, 128}: the convolutions over the
      audio.
    - `conv_stride`: how far each convolution steps; the paper names none. At 2 three layers make 80
      ms steps of 10 ms frames, and an epoch takes a fourth of the time that it takes at 1; on
      RAVDESS activation was told as well by either (UAR 0.57, three folds). At most `conv_width`,
      so no frame is left out.
    - `gru_layers` {2, 3}, `gru_width` {32}: of each stream.
    - `dense_layers` {1, 2}, `dense_width` {32, 64}: hidden layers of each head.
    - `primary`: classes of each task that the embedding is for; `attributes`: of each that it is to
      forget.
    - `adversary_at`: heads of the attributes on the `joint` embedding (the paper's Priv-C) or, one
      each, on the pooled `streams` before they are joined (Priv-E).
    - `bottleneck`: None (the paper), or the joint embedding goes through a linear map to that many
      dimensions, each row of which is then shifted and scaled to mean 0 and variance 1, with no
      learnt gain that could outgrow noise.
    - `noise`: standard deviation of Gaussian noise on that embedding in training. Who releases it
      adds it anew.
    """

    audio: int | None = 40
    text: int | None = None
    conv_layers: int = 3
    conv_width: int = 2
    conv_stride: int = 2
    kernels: int = 32
    gru_layers: int = 2
    gru_width: int = 32
    dense_layers: int = 1
    dense_width: int = 32
    primary: Mapping[str, int] = field(default_factory=lambda: {"activation": 3})
    attributes: Mapping[str, int] = field(default_factory=dict)
    adversary_at: Literal["joint", "streams"] = "joint"
    bottleneck: int | None = None
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not self.streams:
            raise ReleaseError(
                "neither audio nor text has dimensions, expected one or both: pass audio=40 or "
                "text=300"
            )
        if self.adversary_at not in ("joint", "streams"):
            raise ReleaseError(
                f"adversary_at = {self.adversary_at!r}, expected joint or streams: choose one"
            )
        if not self.primary or min(*self.primary.values(), *self.attributes.values(), 2) < 2:
            tasks = {**self.primary, **self.attributes}
            raise ReleaseError(
                f"classes {tasks} came, expected a primary task and two classes or more each: add "
                "them"
            )
        if not 1 <= self.conv_stride <= self.conv_width:
            came = f"conv_stride = {self.conv_stride} with conv_width = {self.conv_width}"
            raise ReleaseError(
                f"{came}, expected a stride from 1 to the width: a larger one passes over frames"
            )
        if self.bottleneck is not None and self.bottleneck < 3:
            raise ReleaseError(
                f"bottleneck = {self.bottleneck}, expected 3 or more: of less, scaling leaves one "
                "sign"
            )
        if self.noise < 0 or (self.noise and self.bottleneck is None):
            raise ReleaseError(
                f"noise = {self.noise}, expected 0 or more and a bottleneck, whose scale it is "
                "read on"
            )

    @property
    def streams(self) -> dict[str, int]:
        """Dimensions of a step, by stream, in the order of `STREAMS`."""
        given = {"audio": self.audio, "text": self.text}
        return {name: width for name in STREAMS if (width := given[name]) is not None}

    @property
    def width(self) -> int:
        """Dimensions of the embedding."""
        return self.bottleneck or self.gru_width * len(self.streams)

    @property
    def places(self) -> tuple[str, ...]:
        """Where the heads of an attribute sit."""
        return tuple(self.streams) if self.adversary_at == "streams" else ("joint",)


@dataclass(frozen=True)
class Outputs:
    """What a network makes of n rows.

    - `embedding`: `(n, width)`, what is let out.
    - `primary`: logits `(n, classes)` of each primary task.
    - `places`: what the heads of the attributes see, in the order of `Shape.places`: the embedding,
      or pooled streams.
    - `attributes`: logits `(n, classes)` of each attribute's heads, one a place.
    """

    embedding: Tensor
    primary: dict[str, Tensor]
    places: tuple[Tensor, ...]
    attributes: dict[str, list[Tensor]]


class Stream(nn.Module):
    """A sequence to one vector: convolutions (audio only), recurrent layers, the mean over its
    steps.

    A convolution sees `conv_width - conv_stride` zeros before the first frame (of width 2: one at
    stride 1, none at stride 2) and, where the stride asks for them, zeros after the last. So a
    length T becomes T / stride rounded up, every frame counts, one is enough, and a step depends on
    its own frames and earlier ones. At first and after each convolution, steps past the end of a
    row are set to 0 (a bias makes something of padding), and no statistics are taken across rows: a
    row gives the same vector alone and in a batch.

    Shape: `(n, longest, inputs)` and `(n,)` to `(n, gru_width)`.
    """

    def __init__(self, inputs: int, shape: Shape, convolutions: int) -> None:
        super().__init__()
        widths = [inputs] + [shape.kernels] * convolutions
        self.before, self.stride = shape.conv_width - shape.conv_stride, shape.conv_stride
        self.convolutions = nn.ModuleList(
            nn.Conv1d(into, out, shape.conv_width, shape.conv_stride)
            for into, out in pairwise(widths)
        )
        self.recurrence = nn.GRU(widths[-1], shape.gru_width, shape.gru_layers)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        x = x * mask(lengths, x.shape[1])[..., None]  # (n, longest, inputs)
        convolutions: Any = self.convolutions
        for convolution in convolutions:
            x = relu(convolve(convolution, pad(x, (0, 0, self.before, -x.shape[1] % self.stride))))
            lengths = (lengths + self.stride - 1) // self.stride
            x = x * mask(lengths, x.shape[1])[..., None]  # (n, longest / stride, kernels)
        states = gru(self.recurrence, x.transpose(0, 1))  # (steps, n, gru_width)
        counted = mask(lengths, len(states)).t()[..., None]  # (steps, n, 1)
        pooled: Tensor = (states * counted).sum(dim=0) / lengths[:, None]
        return pooled


def convolve(module: nn.Conv1d, x: Tensor) -> Tensor:
    """What `module` makes of `x` with steps before features, `(n, steps, inputs)` to `(n, steps',
    kernels)`.

    The steps that a kernel sees are laid side by side, and one matrix product does the rest: on a
    CPU that takes half of the time, there and back, for the narrow kernels and few channels here.
    """
    width, stride = module.kernel_size[0], module.stride[0]
    last = x.shape[1] - width + 1
    windows = torch.cat([x[:, place : place + last : stride] for place in range(width)], dim=2)
    return linear(windows, module.weight.transpose(1, 2).flatten(1), module.bias)


class Multimodal(nn.Module):
    """Streams to an embedding (Jaiswal 2020, Fig. 1), a head for each primary task and for each
    attribute.

    Which weights a network begins with does not depend on its attributes: those of their heads are
    drawn last.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        convolutions = {"audio": shape.conv_layers, "text": 0}
        self.streams = nn.ModuleDict(
            {
                name: Stream(inputs, shape, convolutions[name])
                for name, inputs in shape.streams.items()
            }
        )
        joined = shape.gru_width * len(shape.streams)
        self.squeeze = (
            nn.Identity() if shape.bottleneck is None else nn.Linear(joined, shape.bottleneck)
        )
        self.primary = nn.ModuleDict(
            {name: _head(shape.width, shape, n) for name, n in shape.primary.items()}
        )
        seen = shape.width if shape.adversary_at == "joint" else shape.gru_width
        self.attributes = nn.ModuleDict(
            {
                name: nn.ModuleList(_head(seen, shape, n) for _ in shape.places)
                for name, n in shape.attributes.items()
            }
        )

    def forward(self, batch: Batch, strength: Mapping[str, float] | None = None) -> Outputs:
        """All that is made of a batch; `strength` is the reversal of each attribute, as in `guess`."""
        embedding, places = self.encode(batch)
        strength = strength or {}
        return Outputs(
            embedding,
            {name: head(embedding) for name, head in self.primary.items()},
            places,
            {
                name: self.guess(name, places, [strength.get(name, 0.0)] * len(places))
                for name in self.attributes
            },
        )

    def embed(self, batch: Batch) -> Tensor:
        """What a release lets out, `(n, width)`; in training, with noise."""
        return self.encode(batch)[0]

    def encode(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The embedding, and what the heads of the attributes see: it again, or the pooled streams."""
        pooled = tuple(
            stream(batch[name], batch[f"{name}_length"]) for name, stream in self.streams.items()
        )
        embedding = self.squeeze(torch.cat(pooled, dim=1))
        if self.shape.bottleneck is not None:
            embedding = layer_norm(embedding, (self.shape.bottleneck,))
            if self.training and self.shape.noise:
                embedding = embedding + self.shape.noise * torch.randn_like(embedding)
        return embedding, pooled if self.shape.adversary_at == "streams" else (embedding,)

    def guess(self, name: str, places: Sequence[Tensor], strength: Sequence[float]) -> list[Tensor]:
        """Logits of an attribute's heads at `places`, whose gradients go back times minus the
        `strength` of each.

        At strength 0 nothing goes back: the head learns from the detached embedding and changes
        nothing.
        """
        heads: Any = self.attributes[name]
        return [
            head(reverse(place, factor) if factor else place.detach())
            for head, place, factor in zip(heads, places, strength, strict=True)
        ]


def apply(network: Multimodal, rows: Sequences, batch: int = 128) -> Outputs:
    """What a network makes of all rows, in their order, without noise and without gradients."""
    training = network.training
    network.eval()
    order = by_length(rows, batch)
    with torch.no_grad():
        made = [network(rows.pad(chosen)) for chosen in order]
    network.train(training)
    back = torch.cat(order).argsort()

    def together(parts: Iterable[Tensor]) -> Tensor:
        return torch.cat(list(parts))[back]

    heads = {name: range(len(network.shape.places)) for name in network.shape.attributes}
    return Outputs(
        together(one.embedding for one in made),
        {name: together(one.primary[name] for one in made) for name in network.shape.primary},
        tuple(together(one.places[at] for one in made) for at in range(len(network.shape.places))),
        {
            name: [together(one.attributes[name][at] for one in made) for at in places]
            for name, places in heads.items()
        },
    )


def _head(inputs: int, shape: Shape, classes: int) -> nn.Sequential:
    """Dense layers with ReLU and a linear output layer: `(n, inputs)` to `(n, classes)`."""
    layers: list[nn.Module] = []
    for _ in range(shape.dense_layers):
        layers += [nn.Linear(inputs, shape.dense_width), nn.ReLU()]
        inputs = shape.dense_width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))
