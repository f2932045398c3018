"""The network of Jaiswal 2020: sound and words to one embedding, with heads for primary tasks and
attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import layer_norm, linear, pad

from sordino.errors import ReleaseError
from sordino.nn.fit import Batch
from sordino.nn.recurrent import gru
from sordino.nn.reversal import reverse
from sordino.nn.sequences import STREAMS, Sequences, by_length, mask
from sordino.nn.variational import posterior

LATENTS = ("standardised", "plain", "gaussian")


@dataclass(frozen=True)
class Shape:
    """The sizes of a network. Defaults are the smallest of the paper's grid (section 4.1), shown in
    braces.

    - `audio`, `text`: dimensions of a step of each stream, None without that stream.
    - `conv_layers` {3, 4}, `conv_width` {2, 3}, `kernels` {32, 64, 128}: the convolutions over the
      audio.
    - `conv_stride`: the stride of each convolution, which the paper does not state. At 2, three
      layers turn 10 ms frames into 80 ms steps, and an epoch takes a quarter of the time at 1. On
      RAVDESS both predict activation equally well (UAR 0.57, three folds). At most `conv_width`, so
      that every frame counts.
    - `gru_layers` {2, 3}, `gru_width` {32}: of each stream.
    - `dense_layers` {1, 2}, `dense_width` {32, 64}: hidden layers of each head.
    - `primary`: the number of classes of each primary task; `attributes`: of each attribute to
      suppress.
    - `adversary_at`: heads of the attributes on the `joint` embedding (the paper's Priv-C), or one
      head on each pooled stream before they are joined, `streams` (Priv-E).
    - `bottleneck`: None (the paper), or the number of dimensions of a linear map of the joint
      embedding.
    - `latent`: the output of that map. `standardised`: each row has mean 0 and variance 1, without
      a trained gain that could outgrow noise. `plain`: as it is. `gaussian`: the mean and the log
      variance of each dimension; training and a release sample (Alemi et al. 2017).
    - `noise`: standard deviation of Gaussian noise on a standardised embedding in training. A
      release adds such noise again.
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
    latent: Literal["standardised", "plain", "gaussian"] = "standardised"

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
        self._check_bottleneck()

    def _check_bottleneck(self) -> None:
        if self.latent not in LATENTS:
            raise ReleaseError(
                f"latent = {self.latent!r}, expected one of {', '.join(LATENTS)}: choose one"
            )
        standardised = self.latent == "standardised"
        if self.bottleneck is None and not standardised:
            raise ReleaseError(
                f"latent = {self.latent!r} came without a bottleneck, expected one: set its "
                "dimensions"
            )
        fewest = 3 if standardised else 1
        if self.bottleneck is not None and self.bottleneck < fewest:
            raise ReleaseError(
                f"bottleneck = {self.bottleneck}, expected {fewest} or more: of less, scaling "
                "leaves one sign"
            )
        if self.noise < 0 or (self.noise and (self.bottleneck is None or not standardised)):
            raise ReleaseError(
                f"noise = {self.noise}, expected 0 or more and a bottleneck that is standardised, "
                "which sets its scale"
            )

    @property
    def random(self) -> bool:
        """Whether a release adds a random draw to the embedding."""
        return self.noise > 0 or self.latent == "gaussian"

    @property
    def streams(self) -> dict[str, int]:
        """Dimensions of a step, by stream, in the order of `STREAMS`."""
        widths = {"audio": self.audio, "text": self.text}
        return {name: width for name in STREAMS if (width := widths[name]) is not None}

    @property
    def width(self) -> int:
        """Dimensions of the embedding."""
        return self.bottleneck or self.gru_width * len(self.streams)

    @property
    def places(self) -> tuple[str, ...]:
        """The inputs of the heads of an attribute: the streams, or the joint embedding."""
        return tuple(self.streams) if self.adversary_at == "streams" else ("joint",)


@dataclass(frozen=True)
class Outputs:
    """The outputs of a network for n rows.

    - `embedding`: `(n, width)`, the released part.
    - `primary`: logits `(n, classes)` of each primary task.
    - `places`: the inputs of the attributes' heads, in the order of `Shape.places`: the embedding,
      or the pooled streams.
    - `attributes`: logits `(n, classes)` of each attribute's heads, one for each of `places`.
    - `deviation`: `(n, width)`, the standard deviations of a Gaussian of which `embedding` is the
      mean; None without one.
    """

    embedding: Tensor
    primary: dict[str, Tensor]
    places: tuple[Tensor, ...]
    attributes: dict[str, list[Tensor]]
    deviation: Tensor | None = None


class Encoded(NamedTuple):
    """A batch after the encoders."""

    embedding: Tensor
    """`(n, width)`."""
    places: tuple[Tensor, ...]
    """The inputs of the attributes' heads: the embedding itself, or the pooled streams."""
    posterior: Normal | None
    """The Gaussian of a variational embedding."""


class StreamEncoder(nn.Module):
    """A sequence to one vector: convolutions (audio only), recurrent layers, mean over the steps.

    A convolution has `conv_width - conv_stride` zeros before the first frame (for width 2: one at
    stride 1, none at stride 2) and, where the stride requires them, zeros after the last. So a
    length T becomes T / stride rounded up, every frame counts, one frame suffices, and a step
    depends on its own and earlier frames only. Before the first and after each convolution, steps
    past the end of a row are set to 0, since a bias changes padding. No statistics are taken across
    rows: a row has the same vector alone and in a batch.

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
            around = self.before, -x.shape[1] % self.stride
            x = convolve(convolution, pad(x, (0, 0, *around)) if any(around) else x)
            lengths = (lengths + self.stride - 1) // self.stride
            # in place: relu(x mask) has the values and the derivatives of relu(x) mask
            x = x.mul_(
                mask(lengths, x.shape[1])[..., None]
            ).relu_()  # (n, longest / stride, kernels)
        states = gru(self.recurrence, x.transpose(0, 1))  # (steps, n, gru_width)
        counted = mask(lengths, len(states)).t()[..., None]  # (steps, n, 1)
        pooled: Tensor = (states * counted).sum(dim=0) / lengths[:, None]
        return pooled


def convolve(module: nn.Conv1d, x: Tensor) -> Tensor:
    """The output of `module` for `x` with steps before features, `(n, steps, inputs)` to `(n,
    steps', kernels)`.

    The steps of each kernel window are concatenated and multiplied by one matrix. On a CPU this
    halves the time of both passes for narrow kernels and few channels. Windows that neither
    overlap nor leave a gap are a view of `x`.
    """
    width, stride = module.kernel_size[0], module.stride[0]
    last = x.shape[1] - width + 1
    if width == stride and x.shape[1] % width == 0:
        windows = x.reshape(len(x), -1, width * x.shape[2])
    else:
        parts = [x[:, offset : offset + last : stride] for offset in range(width)]
        windows = torch.cat(parts, dim=2)
    return linear(windows, module.weight.transpose(1, 2).flatten(1), module.bias)


class Multimodal(nn.Module):
    """Streams to an embedding (Jaiswal 2020, Fig. 1), a head for each primary task and for each
    attribute.

    The initial weights of the other parts do not depend on the attributes, since the weights of
    their heads are drawn last.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        convolutions = {"audio": shape.conv_layers, "text": 0}
        self.streams = nn.ModuleDict(
            {
                name: StreamEncoder(inputs, shape, convolutions[name])
                for name, inputs in shape.streams.items()
            }
        )
        joined = shape.gru_width * len(shape.streams)
        parts = 2 if shape.latent == "gaussian" else 1
        self.squeeze = (
            nn.Identity()
            if shape.bottleneck is None
            else nn.Linear(joined, parts * shape.bottleneck)
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
        """The outputs for a batch; `strength` is the reversal of each attribute, as in `guess`."""
        embedding, places, gaussian = self.encode(batch)
        strength = strength or {}
        return Outputs(
            embedding,
            {name: head(embedding) for name, head in self.primary.items()},
            places,
            {
                name: self.guess(name, places, [strength.get(name, 0.0)] * len(places))
                for name in self.attributes
            },
            None if gaussian is None else gaussian.scale,
        )

    def embed(self, batch: Batch) -> Tensor:
        """The embedding that a release outputs, `(n, width)`; in training, with noise."""
        return self.encode(batch)[0]

    def encode(self, batch: Batch) -> Encoded:
        """The embedding; in training, with its random draw."""
        pooled = tuple(
            stream(batch[name], batch[f"{name}_length"]) for name, stream in self.streams.items()
        )
        embedding, gaussian = self.squeeze(torch.cat(pooled, dim=1)), None
        if self.shape.latent == "gaussian":
            gaussian = posterior(embedding)
            embedding = gaussian.rsample() if self.training else gaussian.mean
        elif self.shape.latent == "standardised" and self.shape.bottleneck is not None:
            embedding = layer_norm(embedding, (self.shape.bottleneck,))
            if self.training and self.shape.noise:
                embedding = embedding + self.shape.noise * torch.randn_like(embedding)
        places = pooled if self.shape.adversary_at == "streams" else (embedding,)
        return Encoded(embedding, places, gaussian)

    def guess(self, name: str, places: Sequence[Tensor], strength: Sequence[float]) -> list[Tensor]:
        """Logits of an attribute's heads at `places`; their gradients are multiplied by minus
        `strength`.

        At strength 0 no gradient is returned: the head is trained on the detached embedding.
        """
        heads: Any = self.attributes[name]
        return [
            head(reverse(tensor, factor) if factor else tensor.detach())
            for head, tensor, factor in zip(heads, places, strength, strict=True)
        ]


def apply(network: Multimodal, rows: Sequences, batch: int = 128) -> Outputs:
    """The outputs of a network for all rows, in their order, without noise and gradients."""
    training = network.training
    network.eval()
    order = by_length(rows, batch)
    with torch.no_grad():
        outputs = [network(rows.pad(chosen)) for chosen in order]
    network.train(training)
    back = torch.cat(order).argsort()

    def in_row_order(parts: Iterable[Tensor]) -> Tensor:
        return torch.cat(list(parts))[back]

    heads = {name: range(len(network.shape.places)) for name in network.shape.attributes}
    deviations = [output.deviation for output in outputs if output.deviation is not None]
    return Outputs(
        in_row_order(output.embedding for output in outputs),
        {
            name: in_row_order(output.primary[name] for output in outputs)
            for name in network.shape.primary
        },
        tuple(
            in_row_order(output.places[at] for output in outputs)
            for at in range(len(network.shape.places))
        ),
        {
            name: [in_row_order(output.attributes[name][at] for output in outputs) for at in places]
            for name, places in heads.items()
        },
        in_row_order(deviations) if len(deviations) == len(outputs) else None,
    )


def _head(inputs: int, shape: Shape, classes: int) -> nn.Sequential:
    """Dense layers with ReLU and a linear output layer: `(n, inputs)` to `(n, classes)`."""
    layers: list[nn.Module] = []
    for _ in range(shape.dense_layers):
        layers += [nn.Linear(inputs, shape.dense_width), nn.ReLU()]
        inputs = shape.dense_width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))
