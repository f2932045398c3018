"""Bundles with a family that is no longer fitted still run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sordino import export
from sordino.device import Runtime, read
from sordino.device.serving import VectorServing
from sordino.release import Noise
from sordino.testing import POLICY
from tests.device.synthetic_bundles import CARD, features, fitted, preprocess, scaled


def test_a_bundle_with_laplacian_noise_still_runs(tmp_path: Path) -> None:
    config = {**fitted("noise-gauss").config, "kind": "laplace", "key": 3}
    release = Noise("noise-laplace", config)
    path = export.write(
        tmp_path / "old", preprocess(), {"mine": (POLICY, release)}, features="made", card=CARD
    )
    bundle = read(path)
    assert bundle.policies["mine"].family == "noise-laplace"
    table = VectorServing(bundle, bundle.policies["mine"], key=3)
    np.testing.assert_allclose(table.released(scaled()[:9]), release(scaled()[:9]), rtol=1e-4)
    assert Runtime(bundle, key=3).release(features()[:9]).shape == (9, scaled().shape[1])
