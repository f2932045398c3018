"""The structure of a bundle keeps the promise of its family, also for a forged bundle."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino import export
from sordino.device import Runtime, read
from sordino.device.bundle import families
from sordino.device.bundle.interface import interface
from sordino.device.serving import VectorServing
from sordino.errors import BundleError
from sordino.onnx.writer import GraphBuilder
from sordino.policy import Budget, Policy
from sordino.release import EMBEDDINGS, FITTERS, RIVALS
from sordino.testing import POLICY
from tests.device.bundle.faults import FAULTS, NPZ, WIDTH, all_of, first_sign, model
from tests.device.bundle.forged import (
    Files,
    arrays,
    card,
    chance,
    first,
    forged,
    in_policy,
    policies,
)
from tests.device.synthetic_bundles import (
    CARD,
    OTHER,
    bundled,
    embedding,
    features,
    fitted,
    preprocess,
    talking,
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_structure_that_its_family_has_not_is_refused(fault: str, tmp_path: Path) -> None:
    family, change, says = FAULTS[fault]
    path = forged(bundled(family), tmp_path / "forged.sordino", change, policies=None)
    with pytest.raises(BundleError, match=says) as error:
        read(path)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "part", ["preprocess", "model", "arrays", "name", "family", "width", "chance", "policy"]
)
@pytest.mark.parametrize("value", [[], {}, 0, False, 1.5, "", ["x"]], ids=repr)
def test_a_part_of_another_type_is_refused(part: str, value: Any, tmp_path: Path) -> None:
    path = forged(bundled("drawn"), tmp_path / "b.sordino", first(**{part: value}), policies=None)
    with pytest.raises(BundleError):
        read(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", FITTERS)
def test_every_family_that_is_exported_fits_the_table(name: str) -> None:
    assert read(bundled(name)).policies["mine"].family == name
    assert families.is_family(name)


@pytest.mark.parametrize("name", [name for name in EMBEDDINGS if name not in RIVALS])
def test_every_embedding_fits_the_table(name: str, tmp_path: Path) -> None:
    path = export.write(
        tmp_path, None, {"mine": (POLICY, embedding(name, "both"))}, features="made", card=CARD
    )
    assert read(path).policies["mine"].family == name


@pytest.mark.parametrize("name", [name for name in EMBEDDINGS if name not in ("private+", *RIVALS)])
def test_an_embedding_under_another_family_is_refused(name: str, tmp_path: Path) -> None:
    path = export.write(
        tmp_path / "a",
        None,
        {"mine": (POLICY, embedding("general", "audio"))},
        features="made",
        card=CARD,
    )
    disguise = "private+" if name != "drawn" else name
    with pytest.raises(BundleError, match=r"chance 'none', expected 'clip-"):
        read(forged(path, tmp_path / "b", first(family=disguise)))


@pytest.mark.parametrize("spread", [1e-30, 0.0099, 0, -0.5, None])
def test_an_embedding_with_hardly_any_noise_is_refused(spread: Any, tmp_path: Path) -> None:
    path = forged(talking(), tmp_path / "b", chance(spread=spread))
    with pytest.raises(
        BundleError, match=r"noise of spread .*, expected (at least 0.01|more than)"
    ):
        read(path)


def test_a_drawn_embedding_has_four_decisions_at_most(tmp_path: Path) -> None:
    path = export.write(
        tmp_path / "a",
        None,
        {"mine": (POLICY, embedding("drawn", "audio"))},
        features="made",
        card=CARD,
    )

    def six_decisions(vectors: dict[str, Any]) -> None:
        vectors.update(bin=np.arange(6), prototypes=vectors["prototypes"][:6])

    with pytest.raises(
        BundleError, match=r"prototypes of the decisions \[0, 1, 2, 3, 4, 5\], expected 0 to 3"
    ):
        read(forged(path, tmp_path / "b", arrays(NPZ, six_decisions)))


def test_two_policies_of_one_name_are_refused(tmp_path: Path) -> None:
    path = forged(
        bundled("drawn"), tmp_path / "b", policies(lambda entries: [entries[0], entries[0]])
    )
    with pytest.raises(BundleError, match="two policies of the name 'mine', expected one each"):
        read(path)


def test_a_key_that_comes_twice_is_refused(tmp_path: Path) -> None:
    def twice(files: Files) -> None:
        files["policies.json"] = files["policies.json"].replace(
            b'"width": 24', b'"width": 24, "width": 24'
        )

    with pytest.raises(BundleError, match="parts of the bundle are missing or do not fit together"):
        read(forged(bundled("drawn"), tmp_path / "b", twice))


@pytest.mark.parametrize("how", ["more a day", "no limit", "another emotion"])
def test_a_policy_that_the_manifest_does_not_know_is_refused(how: str, tmp_path: Path) -> None:
    policy = Policy("sad", ("happy", "angry"), budget=Budget(per_day=10))
    path = export.write(
        tmp_path / "a",
        preprocess(),
        {"mine": (policy, fitted("drawn"))},
        features="made",
        card=CARD,
    )
    budget = {"auc": None, "per_day": {"more a day": 10**6, "no limit": None}.get(how, 10)}
    required = "fearful" if how == "another emotion" else "sad"
    change = policies(lambda entries: entries[0]["policy"].update(budget=budget, required=required))
    with pytest.raises(
        BundleError,
        match=r"policy 'mine' was changed, its hash differs from that in manifest\.json",
    ):
        read(forged(path, tmp_path / "b", change))


@pytest.mark.parametrize(
    "stated", [{}, [], "mine", {"mine": "0" * 64}, {"mine": None}, {"other": "0" * 64}]
)
def test_a_manifest_that_states_other_policies_is_refused(stated: Any, tmp_path: Path) -> None:
    path = forged(bundled("drawn"), tmp_path / "b", lambda _: None, policies=stated)
    with pytest.raises(BundleError, match=r"its hash differs from that in manifest\.json"):
        read(path)


def test_a_bundle_from_before_hashes_is_read(tmp_path: Path) -> None:
    path = forged(bundled("drawn"), tmp_path / "b.sordino", lambda _: None, policies=None)
    assert "policies" not in json.loads(read(path).manifest)
    assert Runtime(path, key=1).release(features()[:3]).shape == (3, WIDTH)


def test_flips_that_the_policy_promises_cannot_be_left_out(tmp_path: Path) -> None:
    knobs: Any = {"drawn": {"epsilon": 2.0}}
    policy = Policy("sad", ("happy", "angry"), release="drawn", knobs=knobs)
    stated = json.loads(json.dumps(asdict(policy)))
    path = forged(bundled("drawn"), tmp_path / "b", first(policy=stated), policies=None)
    with pytest.raises(BundleError, match=r"epsilon inf, expected 2.0, which its policy sets"):
        read(path)
    assert read(
        forged(
            bundled("drawn"),
            tmp_path / "c",
            all_of(first(policy=stated), chance(epsilon="2.0")),
            policies=None,
        )
    )


def test_a_policy_runs_with_the_family_that_it_names(tmp_path: Path) -> None:
    asks = json.loads(json.dumps(asdict(Policy("sad", ("happy", "angry"), release="drawn"))))
    path = forged(bundled("rae"), tmp_path / "b", first(policy=asks), policies=None)
    with pytest.raises(BundleError, match="a policy that asks for 'drawn', expected the family"):
        read(path)
    assert read(forged(bundled("drawn+detail"), tmp_path / "c", first(policy=asks), policies=None))


def test_a_hundred_sensitive_emotions_are_read(tmp_path: Path) -> None:
    change = in_policy(sensitive=[f"é {number}" for number in range(100)])
    path = forged(bundled("drawn"), tmp_path / "b", change, policies=None)
    assert len(read(path).policies["mine"].policy.sensitive) == 100


def test_one_bad_policy_among_good_ones_refuses_the_bundle(tmp_path: Path) -> None:
    two_policies = {"mine": (POLICY, fitted("drawn")), "hers": (OTHER, fitted("leace", OTHER))}
    path = export.write(tmp_path / "a", preprocess(), two_policies, features="made", card=CARD)
    with pytest.raises(
        BundleError, match="policy hers of family 'drawn': chance 'none', expected 'drawn'"
    ):
        read(
            forged(
                path, tmp_path / "b", policies(lambda entries: entries[1].update(family="drawn"))
            )
        )


def test_inputs_and_outputs_are_read_from_the_file() -> None:
    tensors = interface(model(bin=first_sign, out=lambda z: z))
    assert {name: (value.dtype, value.shape) for name, value in tensors.inputs.items()} == {
        "z": ("float32", (None, WIDTH))
    }
    assert {name: value.dtype for name, value in tensors.outputs.items()} == {
        "bin": "int64",
        "out": "float32",
    }
    whole_model = model(out=lambda z: z)
    for content in (b"", b"none", whole_model[:-3], whole_model * 2, b"\xff" * 30):
        with pytest.raises((ValueError, UnicodeDecodeError)):
            interface(content)


def encode_signs(files: Files) -> None:
    """The scaled space contains the signs of six features only, and there are many prototypes."""
    graph, signs = GraphBuilder(), np.eye(60, WIDTH, dtype=np.float32)
    signs[6:] = 0
    x = graph.input("x", np.float32, "n", 60)
    files["preprocess.onnx"] = graph.model(z=((x @ signs > 0) * 1).astype(np.float32))
    files["release-0.onnx"] = model(bin=first_sign)
    random = np.random.default_rng(0)
    table = random.normal(size=(2000, WIDTH)).astype(np.float32)
    arrays(NPZ, lambda a: a.update(prototypes=table, bin=np.arange(2000, dtype=np.int64) % 2))(
        files
    )


def test_a_scale_of_few_points_does_not_choose_the_draw(tmp_path: Path) -> None:
    """One vector for each point would reveal six bits under a family of two decisions."""
    path = forged(bundled("drawn"), tmp_path / "a", encode_signs)
    serving = VectorServing(read(path), read(path).policies["mine"], 0)

    def reproduce(vectors: dict[str, Any]) -> None:
        vectors["z"] = serving.scaled(vectors["x"])
        serving.key = int.from_bytes(vectors["key_0"].tobytes(), "little")
        vectors["released_0"] = serving.released(vectors["z"])

    runtime = Runtime(forged(path, tmp_path / "b", arrays("vectors.npz", reproduce)), key=1)
    x = np.random.default_rng(1).normal(size=(40, 60)).astype(np.float32)
    x[:, :6] = x[0, :6]
    assert np.array_equal(runtime.release(x), runtime.release(x))
    assert len(np.unique(serving.scaled(x), axis=0)) == 1
    assert len(np.unique(runtime.release(x), axis=0)) > 30  # of 1000 prototypes of its decision


@pytest.mark.parametrize("part", ["prototypes.npy", "bin.npy"])
def test_a_part_that_is_no_array_is_refused(part: str, tmp_path: Path) -> None:
    def changed(files: Files) -> None:
        with (
            zipfile.ZipFile(io.BytesIO(files[NPZ])) as before,
            zipfile.ZipFile(rewritten := io.BytesIO(), "w") as after,
        ):
            for name in before.namelist():
                after.writestr(name, b"no array" if name == part else before.read(name))
        files[NPZ] = rewritten.getvalue()

    with pytest.raises(BundleError, match="not an array file"):
        read(forged(bundled("drawn"), tmp_path / "b", changed))


def test_a_bundle_of_thousands_of_policies_is_refused(tmp_path: Path) -> None:
    def repeat(entries: list[Any]) -> list[Any]:
        return [{**entries[0], "name": f"p{number}"} for number in range(1000)]

    with pytest.raises(BundleError, match="do not fit together"):
        read(forged(bundled("drawn"), tmp_path / "b", policies(repeat), policies=None))


def test_a_deep_card_is_refused(tmp_path: Path) -> None:
    def nest(content: dict[str, Any]) -> None:
        content["notes"] = []
        for _ in range(500):
            content["notes"] = [content["notes"]]

    with pytest.raises(BundleError, match="do not fit together"):
        read(forged(bundled("drawn"), tmp_path / "b", card(nest)))
