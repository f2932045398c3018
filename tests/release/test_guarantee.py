"""What a release promises, before and after, on vectors where the truth is known."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sordino.attack import RiskFitter
from sordino.errors import ReleaseError
from sordino.nn.fit import Batch, Job, Settings
from sordino.release import FITTERS, Release, ReplacementFitter, RetainingFitter
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors

NEUTRAL, REQUIRED, SENSITIVE = range(3)
HIDING = ("rae", "rae-grl", "rae-grl+")


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors()


@cache
def fitted(name: str) -> Release:
    data = scene()
    return FITTERS[name](POLICY, 0).fit(data.z, data.corpus, data.parts.transform)


@cache
def judged(name: str) -> NDArray[np.intp]:
    """The role that a risk model, which never saw the release, says of each released test
    utterance.
    """
    data = scene()
    risk = RiskFitter(POLICY, seed=0).fit(data.z, data.corpus, data.parts.risk)
    judgement = risk(fitted(name)(data.z[data.parts.test]))
    return np.asarray(judgement.role.argmax(axis=1))


def rows_of(role: int) -> NDArray[np.intp]:
    test = scene().parts.test
    return np.asarray(test[scene().role[test] == role])


def share(name: str, role: int, seen: int) -> float:
    """The share of test utterances of a role that are seen as another one after the release."""
    return float(np.mean(judged(name)[scene().role[scene().parts.test] == role] == seen))


def distance(vectors: NDArray[np.float32]) -> float:
    """How far vectors lie, on average, from the mean of neutral ones."""
    return float(np.linalg.norm(vectors - scene().z[rows_of(NEUTRAL)].mean(axis=0), axis=1).mean())


def losses_of(job: Job, batch: Batch) -> tuple[float, float]:
    """The loss of a job that replaces, and the squared error that it is made of."""
    with torch.no_grad():
        out, _ = job.module(batch["x"], batch["strength"])
        return float(job.loss(job.module, batch).mean()), float(
            ((out - batch["target"]) ** 2).mean()
        )


@pytest.mark.slow
def test_without_a_release_every_role_is_seen() -> None:
    assert min(share("none", role, role) for role in range(3)) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("name", HIDING)
def test_sensitive_vectors_of_new_speakers_become_neutral(
    name: str,
) -> None:
    sensitive = scene().z[rows_of(SENSITIVE)]
    typical = distance(scene().z[rows_of(NEUTRAL)])
    assert distance(sensitive) > 2 * typical
    assert distance(fitted(name)(sensitive)) < 1.1 * typical


@pytest.mark.slow
@pytest.mark.parametrize("name", HIDING)
def test_an_ignorant_risk_model_misses_sensitive_emotions(name: str) -> None:
    assert share("none", SENSITIVE, SENSITIVE) > 0.9
    assert share(name, SENSITIVE, SENSITIVE) < 0.1
    assert share(name, SENSITIVE, NEUTRAL) > 0.8


@pytest.mark.parametrize("name", HIDING)
def test_required_and_neutral_emotions_are_still_seen(name: str) -> None:
    assert share(name, REQUIRED, REQUIRED) > 0.85
    assert share(name, NEUTRAL, NEUTRAL) > 0.8


def test_the_retaining_release_is_closer_to_the_original() -> None:
    required = scene().z[rows_of(REQUIRED)]

    def error(name: str) -> float:
        return float(((fitted(name)(required) - required) ** 2).mean())

    assert error("rae-grl+") < 0.5 * error("rae-grl")


@pytest.mark.slow
def test_a_stronger_weight_on_required_rows_keeps_more_of_them() -> None:
    data = synthetic_vectors(emotion=1.5)  # harder: required and neutral overlap
    required = data.parts.test[data.role[data.parts.test] == REQUIRED]

    def error(weight: float) -> float:
        fitter = RetainingFitter(POLICY, required_weight=weight)
        release = fitter.fit(data.z, data.corpus, data.parts.transform)
        return float(((release(data.z[required]) - data.z[required]) ** 2).mean())

    assert error(20.0) < error(0.2)


def test_the_reconstruction_of_validation_rows_decides_the_size() -> None:
    data = scene()
    plan = ReplacementFitter(POLICY, reversal=0.5).plan(data.z, data.corpus, data.parts.transform)
    for job in next(plan):
        assert job.validation is not None
        loss, error = losses_of(job, job.validation)
        assert loss == pytest.approx(0.9 * error, rel=1e-6)
    config = fitted("rae-grl").config
    losses, sizes = config["validation_losses"], config["embeddings"]
    assert config["embedding"] == sizes[losses.index(min(losses))]


def test_targets_of_sensitive_rows_are_neutral_training_rows() -> None:
    data = scene()
    part = data.parts.transform
    (job, *_) = next(ReplacementFitter(POLICY).plan(data.z, data.corpus, part))
    neutral = {row.tobytes() for row in data.z[part.train[data.role[part.train] == NEUTRAL]]}
    assert job.validation is not None
    for rows, batch in ((part.train, job.train), (part.validation, job.validation)):
        sensitive, target = data.role[rows] == SENSITIVE, batch["target"].numpy()
        assert np.array_equal(target[~sensitive], data.z[rows[~sensitive]])
        assert {row.tobytes() for row in target[sensitive]} <= neutral
        assert len({row.tobytes() for row in target[sensitive]}) > 3


@pytest.mark.parametrize(("redraw", "same"), [("run", True), ("epoch", False)])
def test_targets_are_drawn_once_a_run_or_anew_each_epoch(redraw: Any, same: bool) -> None:
    data = scene()
    fitter = ReplacementFitter(POLICY, reversal=0.5, schedule="dann", redraw=redraw)
    (job, *_) = next(fitter.plan(data.z, data.corpus, data.parts.transform))
    assert job.refresh is not None
    generator = torch.Generator().manual_seed(0)
    first, second = job.refresh(generator, 0)["target"], job.refresh(generator, 1)["target"]
    assert torch.equal(first, second) is same


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("dann", [0.0, 0.2311, 0.4933]), ("warm-up", [0.05, 0.5, 0.5]), ("constant", [0.5] * 3)],
)
def test_lambda_grows_as_its_schedule_says(schedule: str, expected: list[float]) -> None:
    data = scene()
    options: dict[str, Any] = {
        "schedule": schedule,
        "redraw": "epoch",
        "settings": Settings(epochs=100),
    }
    fitter = ReplacementFitter(POLICY, reversal=0.5, **options)
    (job, *_) = next(fitter.plan(data.z, data.corpus, data.parts.transform))
    assert job.refresh is not None
    strengths = [job.refresh(torch.Generator(), epoch)["strength"] for epoch in (0, 10, 50)]
    assert [float(one[0]) for one in strengths] == pytest.approx(expected, abs=1e-4)
    assert all(one.shape == (len(data.parts.transform.train), 1) for one in strengths)


def test_without_reversal_the_loss_is_the_reconstruction() -> None:
    data = scene()
    (job, *_) = next(ReplacementFitter(POLICY).plan(data.z, data.corpus, data.parts.transform))
    loss, error = losses_of(job, job.train)
    assert loss == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize(("option", "value"), [("redraw", "never"), ("schedule", "linear")])
def test_an_unknown_option_is_refused(option: str, value: str) -> None:
    with pytest.raises(ReleaseError, match=f"{option} = '{value}', expected one of "):
        ReplacementFitter(POLICY, **{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", HIDING)
def test_a_diverging_training_is_refused(name: str) -> None:
    data = scene()
    with pytest.raises(ReleaseError, match=r"diverged, expected .* to one scale"):
        FITTERS[name](POLICY, 0).fit(data.z * np.float32(1e30), data.corpus, data.parts.transform)


@pytest.mark.parametrize("redraw", ["run", "epoch"])
def test_vectors_in_a_file_give_the_release_of_memory(redraw: Any, tmp_path: Path) -> None:
    data = scene()
    np.save(tmp_path / "z.npy", data.z)
    mapped = np.load(tmp_path / "z.npy", mmap_mode="c")
    fitter = ReplacementFitter(POLICY, redraw=redraw, settings=Settings(epochs=2))
    (job, *_) = next(fitter.plan(mapped, data.corpus, data.parts.transform))
    assert type(job.train["x"]).__name__ == "RowView"
    whole, streamed = (fitter.fit(z, data.corpus, data.parts.transform) for z in (data.z, mapped))
    assert whole.hash == streamed.hash
    assert (tmp_path / "z.npy").read_bytes()[-data.z.nbytes :] == data.z.tobytes()
