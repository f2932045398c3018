"""The cost of every further bin of a drawn release: the first required emotions of a policy kept,
and the others hidden.

    required = ["sad", "fearful", "happy"], sensitive = ["angry"]

    2 bins    sad recognisable; fearful, happy and angry sensitive
    3 bins    sad and fearful recognisable; happy and angry sensitive
    4 bins    the policy itself

Each row is a fit, an audit and a bound of its own, on the same draws of speakers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from sordino.define import Knowledge, Role, required_title
from sordino.policy import Policy
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.estimates import measure
from sordino.report.tables import Cell, Table, number, with_interval
from sordino.report.verdict import NONE
from sordino.storage import Location
from sordino.study.protocol import Fitters, Inputs, Options
from sordino.study.unit_estimates import bound_rows
from sordino.study.units import predictions

RELEASE: Final = "drawn"
"""The release of which the bins are counted."""

SECRETS: Final = ("sensitive-vs-neutral", "gender")
"""The secrets of the table."""


def policies_by_bins(policy: Policy) -> list[Policy]:
    """The policy with its first 1, 2, ... required emotions; the others become sensitive.

    >>> policy = Policy(("sad", "fearful"), ("angry",))
    >>> [(part.required, part.sensitive) for part in policies_by_bins(policy)]
    [('sad', ('fearful', 'angry')), (('sad', 'fearful'), ('angry',))]
    """
    emotions = policy.required_emotions
    return [
        replace(policy, required=emotions[:count], sensitive=(*emotions[count:], *policy.sensitive))
        for count in range(1, 1 + len(emotions))
    ]


def bin_costs(
    inputs: Inputs,
    folder: Location,
    options: Options,
    *,
    policies: Sequence[Policy],
    fitters: Fitters | None = None,
    study: str = "",
    features: str = "",
    jobs: int = 0,
) -> pd.DataFrame:
    """The estimates of `drawn` with every number of bins, for each policy with several required
    emotions; empty without one.

    The columns are those of `sordino.columns.ESTIMATE_COLUMNS`. `condition` is the name of the
    policy, and `required` the emotions that are kept. Finished units stay in `folder`.
    """
    options, tables = replace(options, releases=(NONE, RELEASE)), []
    for policy in policies:
        if len(policy.required_emotions) > 1:
            guesses, units = predictions(
                inputs,
                folder / policy.required_name,
                options,
                policies=policies_by_bins(policy),
                fitters=fitters,
                informed=True,
                jobs=jobs,
            )
            estimates = measure(
                guesses, study=study, features=features, seed=options.seed, breakdown=False
            )
            tables += [
                table[table["release"] == RELEASE].assign(condition=policy.required_name)
                for table in (estimates, bound_rows(estimates, units))
            ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def bin_table(costs: pd.DataFrame) -> Table:
    """F1, U, leakage and bounds by the number of bins, one group per policy."""
    groups = []
    for _, estimates in costs.groupby("condition", sort=False):
        look = Estimates(estimates.assign(condition=""))
        groups.append([_row(look, required) for required in look.required])
    heads = [
        [
            ("", 2),
            ("F1 of required", 2),
            ("U of required", 2),
            ("retrained", 1),
            ("sensitive, AUC", 2),
            ("gender, AUC", 2),
        ],
        [
            (name, 1)
            for name in (
                "bins",
                "recognisable",
                *("value", "95 % interval") * 2,
                "AUC",
                *("attacker", "bound") * 2,
            )
        ],
    ]
    return Table("Utility, leakage and bounds of `drawn` by the number of bins", heads, groups)


def required_table(look: Estimates) -> Table:
    """F1, U and the AUC of a retrained model for each of several required emotions, one group per
    release.
    """
    groups = []
    for release in look.releases:
        rows = []
        for policy in look.required:
            for emotion in policy.split("+") if "+" in policy else ():
                f1, u = (look(metric, release, policy, emotion) for metric in ("f1", "unchanged"))
                target = f"{emotion}-vs-rest"
                retrained = look(
                    "utility_auc", release, policy, knowledge=Knowledge.SEMI_INFORMED, target=target
                )
                names = [Cell(release, "name"), Cell(emotion, "name")]
                cells = [
                    cell for estimate in (f1, u, retrained) for cell in with_interval(estimate)
                ]
                rows.append([*names, *cells])
        groups.append(rows)
    heads = [
        [("", 2), ("F1", 2), ("U", 2), ("retrained, AUC", 2)],
        [(name, 1) for name in ("release", "emotion", *("value", "95 % interval") * 3)],
    ]
    return Table("Every required emotion", heads, groups)


def _row(look: Estimates, required: str) -> list[Cell]:
    semi = Knowledge.SEMI_INFORMED
    f1, u = (look(metric, RELEASE, required, Role.REQUIRED) for metric in ("f1", "unchanged"))
    retrained = look("utility_auc", RELEASE, required, knowledge=semi)
    cells = [
        Cell(str(1 + len(required.split("+")))),
        Cell(required_title(required), "name"),
        *with_interval(f1),
        *with_interval(u),
        Cell(number(retrained.value)),
    ]
    for metric, secret in zip(("distinguish", "auc"), SECRETS, strict=True):
        attacked = look(metric, RELEASE, required, knowledge=semi)
        limit = look.find(
            metric="bound_auc", required=required, target=secret, group="", split="all"
        )
        cells += [Cell(number(attacked.value)), Cell(number(_limit(limit)))]
    return cells


def _limit(bound: Estimate) -> float:
    """The upper limit of a bound; NaN with too few speakers."""
    return bound.high if math.isfinite(bound.high) else math.nan
