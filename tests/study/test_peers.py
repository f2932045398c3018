"""Methods of other people as rows of a comparison, on short sounds."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino import attack
from sordino.release import FITTERS as FAMILIES
from sordino.release import PEERS, voice_vectors
from sordino.release.peers.learned_noise import LearnedNoiseFitter
from sordino.study import POLICIES, Fitters, compare, protocol
from sordino.study.units import inputs_digest
from tests.study import synthetic_study
from tests.study.synthetic_study import SETTINGS, SMALL


def test_a_comparison_without_names_runs_no_peer() -> None:
    assert not set(PEERS) & set(compare.RELEASES)


def test_peers_are_attacked_like_every_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PEERS:
        monkeypatch.setitem(FAMILIES, name, PEERS[name])  # forgotten afterwards
    one_draw = partial(protocol.prepare, max_draws=1)
    monkeypatch.setattr("sordino.study.compare.prepare", one_draw)
    made = synthetic_study.study(tmp_path / "sounds", speakers=20, takes=1)
    brief = Fitters(SETTINGS, {"learned-noise": partial(LearnedNoiseFitter, steps=20)})
    estimates = compare.compare(
        made.corpus,
        tmp_path / "out",
        features="mel",
        options=replace(SMALL, components=8),
        policies=POLICIES[:1],
        fitters=brief,
        releases=["mcadams", "learned-noise"],
        cache=None,
        jobs=1,
    )
    retrained = estimates[
        (estimates["knowledge"] == "semi-informed") & (estimates["target"] == "gender")
    ]
    counts = retrained.groupby("release")["metric"].apply(sorted)
    assert set(counts.index) == {"none", "mcadams", "learned-noise"}
    assert counts["none"] == counts["mcadams"] == counts["learned-noise"]
    assert "McAdams coefficient" in (tmp_path / "out" / "report.html").read_text()
    unit = pd.concat(map(pd.read_parquet, (tmp_path / "out" / "units").glob("*.parquet")))
    scores = unit[(unit["target"] == "gender") & unit["best"]].groupby("release")["score"]
    assert not np.array_equal(scores.get_group("mcadams"), scores.get_group("none"))


def test_attackers_of_changed_recordings_see_their_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, "mcadams", PEERS["mcadams"])
    made = synthetic_study.study(tmp_path, speakers=20, takes=1)
    options = replace(SMALL, releases=("none", "mcadams"), components=8)
    inputs = protocol.prepare(made.corpus, "mel", options, max_draws=1, cache=None, jobs=1)
    assert inputs.voices is not None
    voice = PEERS["mcadams"].voice
    assert voice is not None
    x = voice_vectors("mel", inputs.corpus, voice, options.seed, None, 1)
    assert np.array_equal(inputs.voices["mcadams"], x)
    parts, policy = inputs.draws[0], POLICIES[0]
    z = protocol.space(inputs, parts, options)
    changed = protocol.space(inputs, parts, options, x=x)
    release = PEERS["mcadams"](policy, 0).fit(z, inputs.corpus, parts.transform)
    unchanged = FAMILIES["none"](policy, 0).fit(z, inputs.corpus, parts.transform)
    audit = partial(attack.run, families=("linear",), informed=False)
    through = audit(release, z, inputs.corpus, parts, policy, released=changed).predictions
    alone = audit(unchanged, changed, inputs.corpus, parts, policy).predictions
    first, second = (
        table[table["knowledge"] == "semi-informed"]["score"] for table in (through, alone)
    )
    assert np.array_equal(first, second)
    fewer = inputs_digest(inputs._replace(voices=None), options, Fitters())
    assert inputs_digest(inputs, options, Fitters()) != fewer
