"""Simulated users of all test speakers, and the estimates of their shares under each release."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from sordino import parallel
from sordino.metrics.prevalence import Rates
from sordino.progress import track
from sordino.study.tracking.units import FIT, TEST
from sordino.study.tracking.users import (
    Simulation,
    UserRecordings,
    simulate,
    tracked,
    with_repetition,
)
from sordino.types import Codes

PRIOR_SHARE: Final = "prior-share"
"""The trivial estimate: the middle of the range of true shares, and limits with 95 % of it."""

USER_COLUMNS: Final = ("required", "draw", "speaker", "gender", "corpus", "utterances", "user")
"""Columns that name a simulated user."""


def days_of_users(
    decisions: pd.DataFrame, settings: Simulation, seed: int, jobs: int = 0
) -> pd.DataFrame:
    """One row per simulated user, release and day: the columns `USER_COLUMNS`, `release`, `day`,
    `truth`, `estimate`, `low`, `high`, and `distinct`, the different recordings of a day.

    `decisions` has the columns of `tracking.units` and `emotion`. Rates follow from the
    cross-fitted decisions about fitting speakers. All releases have the same users. A speaker
    without a recording of some emotion is left out.
    """
    speakers = list(_speakers(decisions))
    compute = partial(_speaker_days, settings, seed)
    days = parallel.map(compute, speakers, jobs=jobs, ordered=True)
    tables = list(track(days, "simulated users", len(speakers)))
    return pd.concat(tables, ignore_index=True)


def _speakers(decisions: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, dict[str, Rates]]]:
    """The decisions about each test speaker under each policy, and the rates of each release."""
    for (required, _), policy in decisions.groupby(["required", "draw"], sort=False):
        emotions = policy["emotion"].nunique()
        rates = {
            str(release): _rates(table, str(required))
            for release, table in policy[policy["condition"] == FIT].groupby("release", sort=False)
        }
        for _, table in policy[policy["condition"] == TEST].groupby("speaker"):
            if table["emotion"].nunique() == emotions:
                yield table, rates


def _speaker_days(
    settings: Simulation, seed: int, speaker: tuple[pd.DataFrame, dict[str, Rates]]
) -> pd.DataFrame:
    """The days of all users of one speaker under one policy."""
    table, rates = speaker
    releases = {str(name): rows.sort_values("row") for name, rows in table.groupby("release")}
    first = next(iter(releases.values()))
    names = first.iloc[0]
    required = str(names["required"])
    recordings = UserRecordings(
        first["row"].to_numpy(), first["emotion"].to_numpy(dtype=str), required
    )
    text = f"{seed} {required} {names['speaker']}"
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    tables: list[pd.DataFrame] = []
    with threadpool_limits(1):
        for utterances in settings.utterances:
            for number in range(settings.users):
                random = np.random.default_rng([key, number])
                user = simulate(settings, recordings, utterances, random)
                labels = {name: names[name] for name in USER_COLUMNS if name in names.index}
                labels |= {"utterances": utterances, "user": number, "distinct": user.distinct}
                for name, rows in releases.items():
                    repeated = with_repetition(rates[name], recordings)
                    days = tracked(user, _passed(rows), repeated)
                    tables.append(days.assign(release=name, **labels))
                tables.append(_prior(tables[-1], settings))
    return pd.concat(tables, ignore_index=True)


def rates_of_test_speakers(decisions: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """The hit rate and the false-pass rate of test speakers with their spread, by release and
    required emotion, as on a card. No estimate uses them.
    """
    result: dict[str, dict[str, dict[str, Any]]] = {}
    test = decisions[decisions["condition"] == TEST]
    for key, table in test.groupby(["release", "required"], sort=False):
        release, required = map(str, key)
        rates = _rates(table, required)
        of_release = result.setdefault(release, {})
        of_release[required] = {"hit": rates.required.card(), "false_pass": rates.rest.card()}
    return result


def _rates(decisions: pd.DataFrame, required: str) -> Rates:
    """The rates of the speakers of these decisions."""
    emotion, speaker = (decisions[name].to_numpy(dtype=str) for name in ("emotion", "speaker"))
    return Rates.fit(_passed(decisions), emotion, speaker, required)


def _passed(decisions: pd.DataFrame) -> Codes:
    """Whether each utterance passed, 0 or 1."""
    return (decisions["prediction"].to_numpy() >= 1).astype(np.intp)


def _prior(days: pd.DataFrame, settings: Simulation) -> pd.DataFrame:
    """The same days, estimated without any utterance."""
    low, high = settings.shares
    tail = 0.025 * (high - low)
    return days.assign(
        release=PRIOR_SHARE, estimate=(low + high) / 2, low=low + tail, high=high - tail
    )
