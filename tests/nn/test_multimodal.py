"""A clip gives the same embedding alone and in a batch; heads see what they should and send back
what they should.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sordino.errors import ReleaseError
from sordino.nn.multimodal import Multimodal, Shape, apply, convolve
from sordino.nn.recurrent import gru
from sordino.nn.sequences import Sequences
from tests.nn.synthetic_sequences import planted, shape

GRID = itertools.product((3, 4), (2, 3), (32, 64, 128), (2, 3))
CORNERS = [
    dict(zip(("conv_layers", "conv_width", "kernels", "gru_layers"), corner, strict=True))
    for corner in GRID
]


def network(sizes: Shape, seed: int = 0) -> Multimodal:
    torch.manual_seed(seed)
    module = Multimodal(sizes)
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d):  # what a bias makes of padding is not to be overlooked
            nn.init.constant_(layer.bias, 0.5)  # type: ignore[arg-type]
    return module.eval()


def clips(
    streams: tuple[str, ...], frames: tuple[int, ...] = (1, 61, 2, 17), width: int = 40
) -> Sequences:
    generator = torch.Generator().manual_seed(1)
    words = [1 + length // 5 for length in frames]
    arrays = {
        name: [torch.randn(length, width, generator=generator) for length in lengths]
        for name, lengths in (("audio", frames), ("text", words))
    }
    return Sequences.of(**{name: arrays[name] for name in streams})


@pytest.mark.slow
@pytest.mark.parametrize("streams", [("audio",), ("text",), ("audio", "text")], ids="+".join)
@pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: "-".join(map(str, corner.values())))
def test_a_clip_has_one_embedding_alone_and_in_a_padded_batch(
    corner: dict[str, int], streams: tuple[str, ...]
) -> None:
    widths = {name: 40 if name in streams else None for name in ("audio", "text")}
    rows = clips(streams)
    for stride in (1, 2):
        module = network(Shape(**widths, **corner, conv_stride=stride))  # type: ignore[arg-type]
        for mode in (module.train(), module.eval()):
            batched = mode.embed(rows.pad(range(4)))
            single = torch.cat([mode.embed(rows.pad([row])) for row in range(4)])
            torch.testing.assert_close(batched, single, rtol=0, atol=1e-5)
            assert (single[1] - single[3]).abs().max() > 1e-2


@pytest.mark.parametrize("stride", [1, 2])
def test_layers_receive_zeros_past_the_end_of_a_row(
    monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    seen: list[Tensor] = []  # of (n, steps, channels)

    def watched(module: nn.GRU, x: Tensor) -> Tensor:
        seen.append(x.transpose(0, 1))
        return gru(module, x)

    def watched_convolution(module: nn.Conv1d, x: Tensor) -> Tensor:
        seen.append(x[:, 2 - stride :])  # less zeros before
        return convolve(module, x)

    monkeypatch.setattr("sordino.nn.multimodal.gru", watched)
    monkeypatch.setattr("sordino.nn.multimodal.convolve", watched_convolution)
    module = network(shape(conv_stride=stride))
    frames = [1, 61, 2, 17]
    module.embed(clips(("audio",), tuple(frames), width=6).pad(range(4)))
    assert len(seen) == 4
    for x in seen:
        assert x.shape[1] >= max(frames)
        for row, length in zip(x, frames, strict=True):
            assert not row[length:].any()
            assert row[:length].abs().sum(dim=1).all()
        frames = [-(-length // stride) for length in frames]


@pytest.mark.parametrize(("width", "stride"), [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3)])
def test_a_convolution_is_that_of_torch(width: int, stride: int) -> None:
    torch.manual_seed(0)
    module, x = nn.Conv1d(5, 7, width, stride), torch.randn(4, 23, 5)
    assert torch.allclose(convolve(module, x), module(x.transpose(1, 2)).transpose(1, 2), atol=1e-6)


@pytest.mark.parametrize(("width", "stride"), [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3)])
def test_every_frame_counts_and_lengths_divide_by_stride_upwards(
    monkeypatch: pytest.MonkeyPatch, width: int, stride: int
) -> None:
    steps: list[int] = []

    def watched(module: nn.GRU, x: Tensor) -> Tensor:
        steps.append(len(x))
        return gru(module, x)

    monkeypatch.setattr("sordino.nn.multimodal.gru", watched)
    module = network(shape(conv_width=width, conv_stride=stride))
    for frames in range(1, 30):
        batch = dict(clips(("audio",), (frames,), width=6).pad([0]))
        batch["audio"].requires_grad_()
        (outputs_,) = torch.autograd.grad(module.embed(batch).abs().sum(), batch["audio"])
        assert outputs_.abs().sum(dim=2).all()
        assert steps[-1] == math.ceil(frames / stride**3)


@pytest.mark.parametrize("streams", [("audio",), ("text",), ("audio", "text")], ids="+".join)
def test_what_stands_in_the_padding_changes_nothing(streams: tuple[str, ...]) -> None:
    module, rows = network(shape(streams)), planted(6, streams=streams)[0]
    batch = dict(rows.pad(range(6)))
    expected = module.embed(batch)
    for name in streams:
        past = torch.arange(batch[name].shape[1]) >= batch[f"{name}_length"][:, None]
        batch[name] = torch.where(past[..., None], 100.0, batch[name])
    torch.testing.assert_close(module.embed(batch), expected, rtol=0, atol=1e-5)


def test_layers_are_those_of_the_papers_grid() -> None:
    module = Multimodal(Shape(40, 300, 4, 3, 2, 64, 3, 32, 2, 64, {"valence": 3}, {"gender": 2}))
    weights = {
        name: tuple(values.shape)
        for name, values in module.named_parameters()
        if "bias" not in name
    }
    audio = {
        name: size
        for name, size in weights.items()
        if name.startswith("streams.audio.convolutions")
    }
    assert list(audio.values()) == [(64, 40, 3), (64, 64, 3), (64, 64, 3), (64, 64, 3)]
    recurrent = {name: size for name, size in weights.items() if "weight_ih" in name}
    assert list(recurrent.values()) == [(96, 64), (96, 32), (96, 32), (96, 300), (96, 32), (96, 32)]
    for head, classes in (("primary.valence", 3), ("attributes.gender.0", 2)):
        dense = [size for name, size in weights.items() if name.startswith(head)]
        assert dense == [(64, 64), (64, 64), (classes, 64)]
    assert len(weights) == 4 + 2 * 6 + 2 * 3
    assert module.shape.width == 64


def test_no_layer_takes_statistics_across_clips() -> None:
    module = Multimodal(shape(("audio", "text"), bottleneck=8, noise=0.5, attributes={"gender": 2}))
    assert not dict(module.named_buffers())


def test_the_bottleneck_gives_rows_of_mean_zero_and_variance_one() -> None:
    embedding = network(shape(bottleneck=8)).embed(planted(20)[0].pad(range(20)))
    assert embedding.shape == (20, 8)
    torch.testing.assert_close(embedding.mean(dim=1), torch.zeros(20), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        embedding.var(dim=1, correction=0), torch.ones(20), rtol=0, atol=1e-2
    )


def test_noise_is_added_in_training_and_not_in_evaluation() -> None:
    module, batch = network(shape(bottleneck=8, noise=0.5)), planted(200)[0].pad(range(200))
    clean = module.embed(batch)
    assert torch.equal(module.embed(batch), clean)
    torch.manual_seed(3)
    noise = module.train().embed(batch) - clean
    assert float(noise.detach().std()) == pytest.approx(0.5, abs=0.03)
    assert float(noise.detach().mean()) == pytest.approx(0, abs=0.05)


def reversed_gradients(
    sizes: Shape, strength: float
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Gradients of the sum of the gender logits: with reversal, and those of a network whose heads
    are not reversed.
    """
    module, batch = network(sizes), planted(8, streams=("audio", "text"))[0].pad(range(8))
    _, places, _ = module.encode(batch)

    def gradients(logits: list[Tensor]) -> dict[str, Tensor]:
        names, weights = zip(*module.named_parameters(), strict=True)
        total = torch.stack([out.tanh().sum() * (1 + at) for at, out in enumerate(logits)]).sum()
        outputs_ = torch.autograd.grad(total, weights, allow_unused=True, retain_graph=True)
        gradients_by_name = zip(names, weights, outputs_, strict=True)
        return {
            name: torch.zeros_like(weight) if g is None else g
            for name, weight, g in gradients_by_name
        }

    heads: Any = module.attributes["gender"]
    plain = [head(tensor) for head, tensor in zip(heads, places, strict=True)]
    return gradients(module.guess("gender", places, [strength] * len(places))), gradients(plain)


@pytest.mark.parametrize("at", ["joint", "streams"])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_heads_get_the_gradient_and_streams_minus_lambda_of_it(strength: float, at: Any) -> None:
    sizes = shape(("audio", "text"), attributes={"gender": 2}, adversary_at=at)
    outputs_, plain = reversed_gradients(sizes, strength)
    for name, gradient in outputs_.items():
        factor = 1 if name.startswith("attributes") else -strength
        torch.testing.assert_close(gradient, factor * plain[name], rtol=1e-4, atol=1e-6)
    assert any(g.any() for name, g in plain.items() if name.startswith("streams"))


def test_a_head_at_a_stream_sees_that_stream_only() -> None:
    module = network(shape(("audio", "text"), attributes={"gender": 2}, adversary_at="streams"))
    first, second = (
        planted(5, seed=seed, streams=("audio", "text"))[0].pad(range(5)) for seed in (0, 1)
    )
    mixed = {**first, "text": second["text"], "text_length": second["text_length"]}
    (audio, text), (audio_mixed, text_mixed) = (
        module(batch).attributes["gender"] for batch in (first, mixed)
    )
    assert torch.equal(audio, audio_mixed)
    assert not torch.allclose(text, text_mixed)


@pytest.mark.parametrize(
    ("streams", "at", "heads"),
    [(("audio",), "streams", 1), (("audio", "text"), "streams", 2), (("audio",), "joint", 1)],
)
def test_an_attribute_has_a_head_at_each_place(
    streams: tuple[str, ...], at: Any, heads: int
) -> None:
    sizes = shape(streams, attributes={"gender": 2, "speaker": 7}, adversary_at=at)
    outputs = network(sizes)(planted(5, streams=streams)[0].pad(range(5)))
    assert len(outputs.places) == len(sizes.places) == heads
    assert {
        name: [tuple(first.shape) for first in module]
        for name, module in outputs.attributes.items()
    } == {
        "gender": [(5, 2)] * heads,
        "speaker": [(5, 7)] * heads,
    }


def test_the_first_weights_do_not_depend_on_the_attributes() -> None:
    plain, watched = network(shape()), network(shape(attributes={"gender": 2, "speaker": 9}))
    for name, values in plain.state_dict().items():
        assert torch.equal(values, watched.state_dict()[name])


def test_apply_keeps_row_order_and_mode_and_adds_no_noise() -> None:
    sizes = shape(
        ("audio", "text"), attributes={"gender": 2}, adversary_at="streams", bottleneck=4, noise=1.0
    )
    module, rows = network(sizes).train(), planted(23, streams=("audio", "text"))[0]
    outputs_ = apply(module, rows, batch=4)
    assert module.training
    module.eval()
    for row in range(23):
        single = module(rows.pad([row]))
        torch.testing.assert_close(outputs_.embedding[row], single.embedding[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(
            outputs_.primary["activation"][row], single.primary["activation"][0], rtol=0, atol=1e-5
        )
        for at in (0, 1):
            torch.testing.assert_close(
                outputs_.places[at][row], single.places[at][0], rtol=0, atol=1e-5
            )
            logits = (outputs_.attributes["gender"][at][row], single.attributes["gender"][at][0])
            torch.testing.assert_close(*logits, rtol=0, atol=1e-5)
    assert not outputs_.embedding.requires_grad


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"audio": None}, "neither audio nor text has dimensions"),
        ({"adversary_at": "audio"}, "adversary_at = 'audio', expected joint or streams"),
        ({"primary": {}}, "expected a primary task"),
        ({"primary": {"activation": 1}}, r"classes \{'activation': 1\} came"),
        ({"attributes": {"gender": 1}}, "two classes or more each"),
        ({"conv_stride": 3}, "conv_stride = 3 with conv_width = 2"),
        ({"conv_stride": 0}, "expected a stride from 1 to the width"),
        ({"bottleneck": 2}, "bottleneck = 2, expected 3 or more"),
        ({"noise": 0.5}, "noise = 0.5, expected 0 or more and a bottleneck"),
        ({"noise": -1.0, "bottleneck": 8}, "noise = -1.0"),
    ],
)
def test_a_shape_that_no_network_can_have_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        Shape(**changed)
