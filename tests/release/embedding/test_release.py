"""Embeddings: the laws of a release, noise once a clip, what each of them has heads for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sordino.errors import ReleaseError
from sordino.nn.fit_multimodal import Training
from sordino.nn.multimodal import Shape
from sordino.nn.sequences import Sequences
from sordino.release import EMBEDDINGS, Embedding, EmbeddingFitter, Identity, archive, load
from sordino.release.embedding.release import noise_of_clips
from tests.release.synthetic_releases import drawing, renamed

SHAPE = Shape(audio=6, text=None, kernels=8, gru_width=8)


def rows(n: int = 24, seed: int = 0) -> Sequences:
    random = np.random.default_rng(seed)
    return Sequences.of(audio=[random.normal(size=(random.integers(5, 12), 6)) for _ in range(n)])


def labels(n: int = 24) -> dict[str, np.ndarray]:
    at = np.arange(n)
    return {"activation": at % 3, "gender": at // 3 % 2, "speaker": at // 3 % 4}


def fitted(name: str, shape: Shape = SHAPE) -> Embedding:
    torch.set_num_threads(1)
    if name == "drawn":
        return drawing(fitted("general", shape))
    if name == "dp":
        return renamed(fitted("general", shape), name)
    fitter = EmbeddingFitter(name, shape, Training(epochs=2))
    return fitter.fit(rows(), labels(), rows(12, 1), labels(12))[0]


@pytest.mark.parametrize("name", [name for name in EMBEDDINGS if name != "private-streams"])
def test_every_embedding_obeys_the_laws_of_a_release(name: str, tmp_path: Path) -> None:
    embedding, data = fitted(name), rows(9, 2)
    e = embedding(data, key=3)
    assert e.dtype == np.float32
    assert e.shape == (9, embedding.network.shape.width)
    np.testing.assert_array_equal(fitted(name)(data, key=3), e)
    order = np.random.default_rng(0).permutation(9)
    np.testing.assert_allclose(embedding(data.select(order), key=3), e[order], atol=1e-5)
    np.testing.assert_allclose(embedding(data.select([4]), key=3), e[[4]], atol=1e-5)
    embedding.save(tmp_path / "one.npz")
    loaded = Embedding.load(tmp_path / "one.npz")
    assert (loaded.hash, loaded.config) == (embedding.hash, embedding.config)
    np.testing.assert_array_equal(loaded(data, key=3), e)
    posterior = embedding.primary(e)["activation"]
    np.testing.assert_allclose(posterior.sum(axis=1), 1, atol=1e-5)


def test_each_has_the_heads_that_it_is_to_forget_by() -> None:
    attributes = {
        name: set(fitted(name).config["shape"]["attributes"])
        for name in ("general", "private-speaker", "private-multiple")
    }
    assert attributes == {
        "general": {"gender"},
        "private-speaker": {"speaker"},
        "private-multiple": {"gender", "speaker"},
    }
    both = Shape(audio=6, text=6, kernels=8, gru_width=8)
    assert EmbeddingFitter("private-streams", both).settings(4)[0].places == ("audio", "text")
    assert EmbeddingFitter("general").settings(4)[1].lambdas == {}
    assert EmbeddingFitter("private", reversal=0.75).settings(4)[1].lambdas == {"gender": 0.75}
    assert EmbeddingFitter("drawn").settings(4) == EmbeddingFitter("private+").settings(4)


def test_noise_is_drawn_once_a_clip_and_with_another_key_anew() -> None:
    embedding, data = fitted("private+"), rows(200, 3)
    e = embedding(data, key=1)
    np.testing.assert_array_equal(embedding(data, key=1), e)
    spread = (embedding(data, key=2) - e).std() / 2**0.5
    assert spread == pytest.approx(0.5, rel=0.05)
    drawn = noise_of_clips(data, 8, 1)
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.1


def test_an_error_distinguishes_the_two_releases_named_drawn(tmp_path: Path) -> None:
    fitted("drawn").save(tmp_path / "clips.npz")
    with pytest.raises(
        ReleaseError, match=r"embedding 'drawn', expected a release of vectors: use Embedding\.load"
    ):
        load(tmp_path / "clips.npz")
    archive.write(tmp_path / "vectors.npz", "drawn", {"width": 4}, {})
    with pytest.raises(
        ReleaseError, match=r"release 'drawn' of vectors, expected an embedding: use release\.load"
    ):
        Embedding.load(tmp_path / "vectors.npz")


def test_other_streams_names_and_files_are_refused(tmp_path: Path) -> None:
    Identity(4).save(tmp_path / "none.npz")
    with pytest.raises(
        ReleaseError, match=r"release 'none' of vectors, expected an embedding: use release\.load"
    ):
        Embedding.load(tmp_path / "none.npz")
    embedding = fitted("general")
    with pytest.raises(ReleaseError, match=r"streams .* expected"):
        embedding(Sequences.of(audio=[np.zeros((4, 5))]))
    with pytest.raises(ReleaseError, match="embedding 'secret', expected one of general"):
        EmbeddingFitter("secret")
