"""A bundle of 8-bit numbers is attacked again, by itself and beside the full one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from sordino.device import Bundle, read
from sordino.errors import BundleError, ReleaseError
from sordino.export.quantisation import (
    BundleRelease,
    LeakageChange,
    ReadableBundleRelease,
    as_release,
    attack_bundle,
    compare_leakage,
    halves,
)
from sordino.metrics import Interval
from sordino.release import Drawn, Release
from sordino.release.protocol import Readable
from tests.device.synthetic_bundles import (
    bundled,
    features,
    fitted,
    preprocess,
    scaled,
    scene,
    talking,
)


@pytest.mark.parametrize("name", ["rae", "rae-grl+", "leace", "rae-leace", "drawn", "drawn+rae-25"])
def test_8_bits_are_smaller_and_near(name: str) -> None:
    full, rounded = read(bundled(name)), read(bundled(name, int8=True))
    assert rounded.card["int8"] is True
    for model in ("preprocess.onnx", "release-0.onnx"):
        assert len(rounded.files[model]) < len(full.files[model]) + 3000
    z = as_release(rounded, "mine").scaled(features())
    assert np.abs(z - scaled()).mean() < 0.1 * np.abs(scaled()).mean()


def test_a_bundle_is_a_release_that_attacks_take() -> None:
    drawn, erased, lab = (
        as_release(bundled("drawn"), "mine"),
        as_release(bundled("leace"), "mine"),
        fitted("drawn"),
    )
    assert isinstance(drawn, ReadableBundleRelease)
    assert isinstance(lab, Drawn)
    read_by: list[object] = [drawn, erased]
    assert [isinstance(release, Release) for release in read_by] == [True, True]
    assert [isinstance(release, Readable) for release in read_by] == [True, False]
    np.testing.assert_allclose(drawn(scaled()[:30]), lab(scaled()[:30]))
    np.testing.assert_array_equal(drawn.read(drawn(scaled()[:30])), lab.read(lab(scaled()[:30])))
    assert drawn.hash != as_release(bundled("drawn", int8=True), "mine").hash
    assert (drawn.name, drawn.bins) == ("drawn", 2)
    with pytest.raises(ReleaseError, match="NaN"):
        drawn(np.full((1, 24), np.nan, np.float32))
    with pytest.raises(BundleError, match="policy mine reads clips, expected one of vectors"):
        BundleRelease(talking(), "mine")


def test_halves_attack_each_speaker_outside_the_fit_once() -> None:
    corpus, parts = scene().corpus, scene().parts
    draws = halves(parts, corpus)
    tested = np.concatenate([draw.test for draw in draws])
    assert sorted(tested) == sorted([*parts.risk.rows, *parts.test])
    for draw in draws:
        assert not set(corpus.speaker[draw.test]) & set(corpus.speaker[draw.risk.rows])
        assert {0, 1} == set(corpus.genders()[draw.test]) == set(corpus.genders()[draw.risk.rows])
        np.testing.assert_array_equal(draw.transform.rows, parts.transform.rows)


@cache
def attacks(name: str, int8: bool = False) -> pd.DataFrame:
    path = bundled(name, int8=int8)
    return attack_bundle(
        path, "mine", features(), scene().corpus, [scene().parts], families=["linear"]
    )


@pytest.mark.slow
def test_rounding_an_erasure_leaks_no_more_than_the_interval() -> None:
    leakage = compare_leakage(attacks("leace"), attacks("leace", int8=True))
    assert [change.secret for change in leakage] == ["gender", "sensitive-vs-neutral"]
    assert all(change.holds for change in leakage)
    assert all(
        0 <= change.full.low <= change.full.value <= change.full.high <= 1 for change in leakage
    )


@pytest.mark.slow
def test_a_rounded_bundle_that_leaks_is_found_out() -> None:
    """The release `none` represents a bundle with a fault in rounding."""
    assert not any(change.holds for change in compare_leakage(attacks("leace"), attacks("none")))


def test_where_the_interval_cannot_be_told_nothing_holds() -> None:
    sure, unsure = (
        Interval(0.5, 0.4, 0.6, 100, 20),
        Interval(0.5, float("nan"), float("nan"), 10, 3),
    )
    assert LeakageChange("gender", sure, replace(sure, value=0.59)).holds
    assert not LeakageChange("gender", sure, replace(sure, value=0.61)).holds
    assert not LeakageChange("gender", unsure, sure).holds


def test_another_key_draws_anew() -> None:
    original: Bundle = read(bundled("drawn"))
    z = preprocess()(features()[:30])
    assert not np.array_equal(
        as_release(original, "mine", 0)(z), as_release(original, "mine", 1)(z)
    )
