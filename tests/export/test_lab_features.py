"""No bundle is made of features that no device computes: the refusal comes before any work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from sordino import export
from sordino.cli import main
from sordino.corpora import table
from sordino.errors import FeatureError
from sordino.policy import Policy
from sordino.signal.feature_sets import FEATURE_SETS, check_device
from sordino.signal.mel import Mel
from sordino.study.fitting import fit
from sordino.testing import POLICY
from tests.device.synthetic_bundles import embedding, fitted

SENTENCES = {
    "speech-frames": "no bundle holds frames of an encoder",
    "speech-lab-2": "only the lab computes them",
}


@dataclass(frozen=True)
class LabFeatures(Mel):
    """A set as a folder of wav2vec 2 makes it."""

    lab_only: bool = True


@pytest.fixture(autouse=True)
def lab_set() -> Iterator[None]:
    FEATURE_SETS["speech-lab-2"] = LabFeatures()
    yield
    del FEATURE_SETS["speech-lab-2"]


@pytest.mark.parametrize("name", SENTENCES)
def test_a_fit_is_refused_before_features_are_computed(name: str, tmp_path: Path) -> None:
    rows = pd.DataFrame({"file": ["absent.wav"], "speaker": ["anna"], "emotion": ["sad"]})
    policies = {"mine": Policy(required="sad", sensitive=("happy",), release="drawn")}
    corpus = table.make("absent", rows)
    with pytest.raises(FeatureError, match=f"features {name}: {SENTENCES[name]}"):
        fit.fit(corpus, policies, features=name, cache=tmp_path)


@pytest.mark.parametrize("name", SENTENCES)
def test_a_bundle_is_refused(name: str, tmp_path: Path) -> None:
    release = embedding("general", "audio") if name == "speech-frames" else fitted("leace")
    path = tmp_path / "mute.sordino"
    with pytest.raises(FeatureError, match=SENTENCES[name]):
        export.write(path, None, {"mine": (POLICY, release)}, features=name, card={})
    assert not path.exists()


@pytest.mark.parametrize("name", SENTENCES)
def test_the_command_refuses_before_it_reads_a_corpus(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('required = "sad"\nsensitive = ["happy"]\n')
    arguments = ["fit", "--policy", str(policy), "--corpus", f"ravdess={tmp_path}/absent"]
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "--features", name, "--out", str(tmp_path / "out.sordino")])
    assert SENTENCES[name] in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["mel", "speech", "speech+mel", "filterbank", "vectors.parquet"])
def test_other_features_pass(name: str) -> None:
    check_device(name)
    assert name not in SENTENCES
