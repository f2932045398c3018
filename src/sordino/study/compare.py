"""All releases compared: utility, leakage to retrained attackers, and the front between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sordino import storage
from sordino.corpora.table import Corpus
from sordino.define import Knowledge, Role, secret_title
from sordino.features import CACHE
from sordino.policy import Policy
from sordino.release import FITTERS, Family, resolve
from sordino.report import figures, glossary, release_page
from sordino.report.estimate_table import Estimate, Estimates
from sordino.report.estimates import measure, pooled
from sordino.report.figures import Panel, Point
from sordino.report.page import Block, Page, Picture, Section, Terms, Text, settings
from sordino.report.tables import Cell, Table, number, with_interval
from sordino.report.verdict import NONE
from sordino.signal import feature_sets
from sordino.signal.feature_sets import AUTOMATIC
from sordino.storage import Location
from sordino.study import minimum, run_record
from sordino.study.bin_costs import bin_costs, bin_table, required_table
from sordino.study.feng2021.report import LEAKAGE, UTILITY
from sordino.study.policies import check_required, common_emotions, resolve_policies
from sordino.study.protocol import (
    POLICIES,
    Fitters,
    Options,
    bundle_options,
    features_name,
    prepare,
)
from sordino.study.unit_estimates import (
    bound_rows,
    membership_rows,
    membership_table,
    null_rows,
    of_units,
    patient_table,
)
from sordino.study.units import predictions

STUDY: Final = "compare"
RELEASES: Final = tuple(FITTERS)

OMITTED: Final = ("label",)
"""Releases that the figure omits: `label` lies on `drawn`."""

UTILITIES: Final = UTILITY | {"detail": "detail within the required emotion"}
"""Measures of utility in words: the rows of the figure."""

MIXTURES: Final = ("drawn", "drawn+rae-25", "rae")
"""From a decision to an autoencoder. The figure connects them by a line."""


def compare(
    corpus: Corpus,
    out: str | Location,
    *,
    features: str = AUTOMATIC,
    options: Options | None = None,
    policies: Sequence[Policy] = POLICIES,
    fitters: Fitters | None = None,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
    noise: str | Path | None = None,
    public: Corpus | None = None,
    releases: Sequence[str | Family | Callable[[Policy, int], Any]] = (),
    notices: Sequence[str] = (),
    latex: bool = False,
) -> pd.DataFrame:
    """The estimates of every release. Writes `estimates.csv`, `run.json`, `report.html` and
    `figure.svg` to `out`; with `latex` also `table.tex`.

    For a policy with several required emotions it also writes `bins.csv`, the cost of every further
    bin (`sordino.study.bin_costs`).

    The protocol, the arguments and the errors are those of `sordino.study.feng2021.reproduce`. A
    killed run resumes. Utterances with emotions that the policies do not name are left out; all
    policies name the same emotions, and each requires another one. `releases` replaces those of the
    options: names, references `module:Fitter`, or the classes of fitters of a user's own
    (`sordino.release.resolve`). `noise` is a folder with recordings of noise for the copies, if the
    options have conditions; `public` are recordings of other people that decide the scaled space.
    """
    out, features = storage.folder(out), feature_sets.resolve(features)
    options = options or replace(bundle_options(features), releases=RELEASES)
    if releases:
        names = [resolve(method).name for method in releases]
        options = replace(options, releases=tuple(dict.fromkeys([NONE, *names])))
    corpus, policies = resolve_policies(corpus, policies)
    check_required(policies)
    emotions = common_emotions(policies)
    minimum.check_minimum("compare", corpus, options, policies, fitters)
    inputs = prepare(
        corpus,
        features,
        options,
        emotions=emotions,
        noise=noise,
        public=public,
        cache=cache,
        jobs=jobs,
    )
    guesses, units = predictions(
        inputs, out / "units", options, policies=policies, fitters=fitters, jobs=jobs
    )
    estimates = measure(guesses, study=STUDY, features=features_name(features), seed=options.seed)
    rows_of_units = (bound_rows, null_rows, membership_rows)
    tables = [estimates, *(rows(estimates, units) for rows in rows_of_units)]
    # an empty table has no types, and would take those of the numbers away
    estimates = pd.concat([table for table in tables if len(table)], ignore_index=True)
    run = run_record.record(STUDY, inputs, features, options, policies, units)
    costs = bin_costs(
        inputs,
        out / "bins",
        options,
        policies=policies,
        fitters=fitters,
        study=STUDY,
        features=features_name(features),
        jobs=jobs,
    )
    if len(costs):
        storage.write(out / "bins.csv", release_page.csv(costs))
    notices = [*notices, *run_record.data_notices(inputs)]
    report = page(guesses, estimates, run, notices, costs)
    run_record.write(estimates, run, out, report, latex=latex)
    return estimates


def page(
    guesses: pd.DataFrame,
    estimates: pd.DataFrame,
    record: Mapping[str, Any],
    notices: Sequence[str] = (),
    costs: pd.DataFrame | None = None,
) -> Page:
    """The page of one run. Its figure is also the file `figure.svg`. `costs` are those of further
    bins (`sordino.study.bin_costs`).
    """
    look = Estimates(estimates[~of_units(estimates)], pooled(guesses))
    omitted = (*OMITTED, *MIXTURES[1:-1])
    releases = [release for release in look.releases if release not in omitted]
    mixtures = [release for release in MIXTURES if release in look.releases]
    marks = [*releases, *mixtures[1:-1]]
    panels = [
        [
            Panel(LEAKAGE[leakage], words, list(_points(look, marks, leakage, utility)))
            for leakage in LEAKAGE
        ]
        for utility, words in UTILITIES.items()
    ]
    front = figures.front(panels, releases, line=mixtures if len(mixtures) > 2 else ())
    drawn = estimates[estimates["metric"] == "bound_auc"]
    stronger: list[Block] = [release_page.stronger_attackers(look)]
    if look.patience:
        stronger += [patient_table(look, estimates), Text(_NULL)]
    sections = [
        Section("Utility against leakage", [Picture(front, _FRONT)]),
        Section("Every release", [releases_table(look), Text(_TABLE)]),
        Section("Attackers with more knowledge or more data", stronger),
        Section("Every emotion", [release_page.emotions(look)]),
        *(
            [Section("Bounds on every attacker", [Text(_BOUND), bounds_table(drawn)])]
            if len(drawn)
            else []
        ),
        *(
            [
                Section(
                    "Several required emotions",
                    [required_table(look), Text(_BINS), bin_table(costs)],
                )
            ]
            if costs is not None and len(costs)
            else []
        ),
        *(
            [Section("What ships", [Text(_SHIPPED), membership_table(estimates)])]
            if (estimates["metric"] == "membership_recording").any()
            else []
        ),
        Section(
            "The releases", [Terms([(name, FITTERS[name].description) for name in look.releases])]
        ),
        glossary.section(),
        Section(
            "How it was run",
            [
                Terms(
                    [*settings(dict(record["config"])), release_page.installed(record["versions"])]
                )
            ],
        ),
    ]
    emotions = guesses[guesses["target"] == "emotion"]
    lead = (
        f"{len(look.releases)} releases on **{look.corpora[0].replace('+', ' and ')}**: "
        f"{emotions['row'].nunique():,} test utterances of {emotions['speaker'].nunique()} "
        f"speakers. Figures are means over {len(look.required)} required emotions and "
        f"{emotions['draw'].nunique()} draws of speakers into those of the attacker, of the "
        "release and of the test. Brackets and whiskers are 95 % intervals over speakers."
    )
    return Page("Releases compared", lead, sections, list(notices), {"figure.svg": front})


def _points(
    look: Estimates, releases: Sequence[str], leakage: str, utility: str
) -> Iterator[Point]:
    for release in releases:
        y = look(utility, release, "", Role.REQUIRED)
        if release == NONE and utility == "unchanged":
            y = Estimate(y.value, chance=y.chance)  # 1 by definition: no interval
        yield Point(release, look(leakage, release, knowledge=Knowledge.SEMI_INFORMED), y)


def releases_table(look: Estimates) -> Table:
    """Utility and leakage, one row per release."""
    rows = []
    for release in look.releases:
        utility = [
            look("f1", release, "", Role.REQUIRED),
            look("unchanged", release, "", Role.REQUIRED),
            look("unchanged", release, "", Role.NEUTRAL),
            look("utility_auc", release, knowledge=Knowledge.SEMI_INFORMED),
            look("detail", release, "", Role.REQUIRED),
            look("detail_auc", release, "", Role.REQUIRED),
        ]
        leakage = [look(metric, release, knowledge=Knowledge.SEMI_INFORMED) for metric in LEAKAGE]
        worst = look.worst_emotion(release)[1]
        k = max(look.patience, default=0)
        patient = look("auc", release, knowledge=Knowledge.PATIENT, k=k)
        cells = [cell for estimate in (*utility[:3], *leakage) for cell in with_interval(estimate)]
        rows.append(
            [
                Cell(release, "name"),
                *cells[:6],
                *(Cell(number(estimate.value)) for estimate in utility[3:]),
                *cells[6:8],
                Cell(number(worst.value)),
                *cells[8:],
                Cell(number(patient.value)),
            ]
        )
    sure = ("value", "95 % interval")
    heads = [
        [
            ("", 1),
            ("F1 of required", 2),
            ("U of required", 2),
            ("U of neutral", 2),
            ("retrained", 1),
            ("detail", 2),
            ("sensitive, AUC", 3),
            ("gender, AUC", 2),
            ("patient", 1),
        ],
        [
            (name, 1)
            for name in (
                "release",
                *sure,
                *sure,
                *sure,
                "AUC",
                "UAR",
                "AUC",
                *sure,
                "worst",
                *sure,
                "gender",
            )
        ],
    ]
    return Table("Means over required emotions and draws", heads, [rows])


def bounds_table(drawn: pd.DataFrame) -> Table:
    """The bound on the AUC of every attacker on each drawn release, and its upper limit."""
    groups = []
    for release, estimates in drawn.groupby("release", sort=False):
        means = (
            estimates.groupby(["target", "group"], sort=False)[["value", "high"]]
            .mean(numeric_only=True)
            .reset_index()
        )
        rows = []
        for target, group, value, high in means.itertuples(index=False, name=None):
            words = (release, secret_title(target), group or "none")
            names = [Cell(str(text), "name") for text in words]
            rows.append([*names, Cell(number(value)), Cell(number(high))])
        groups.append(rows)
    heads = [
        [(name, 1) for name in ("release", "secret", "side information", "estimate", "upper limit")]
    ]
    return Table("Bounds on the AUC of every attacker with one released vector", heads, groups)


_FRONT: Final = (
    "Up is more utility, left is less leakage. Each mark is a release under a retrained attacker. "
    "Whiskers are 95 % intervals over speakers. Dashed: the original features. Grey: chance. A "
    "dotted line leads from `drawn` to `rae` through their mixture. `label` lies on `drawn` and is "
    "in the table only."
)
_TABLE: Final = (
    "“Retrained” is a permitted receiver that trains its own model on released vectors: AUC of the "
    "required emotion against the rest. “Detail” is the detail that survives inside the required "
    "emotion: UAR and AUC of intensity if it is labelled, else R². “Worst” is the AUC "
    "furthest from chance of one sensitive emotion against neutral, over policies and genders. "
    "“Patient” is the attacker with the most utterances of one speaker."
)
_NULL: Final = (
    "The null is the same attack with gender shuffled over the attacker's and over the test "
    "speakers: the mean and the range of 95 % of its AUC. An AUC within the range is no evidence "
    "of a leak, and with few speakers the range is wide."
)
_BOUND: Final = (
    "A drawn release depends on an utterance through its decision only. The distributions of the "
    "decisions therefore bound every attacker that has one released vector and no other data. The "
    "upper limit is a 95 % limit over speakers: with few speakers it is wide, and with fewer than "
    "eight there is none. It holds for a vector of a random speaker like "
    "those of the fit. Another language, microphone or mix of emotions voids it, and so do several "
    "utterances of one speaker. The other releases have no bound."
)
_BINS: Final = (
    "A drawn release has one bin for each required emotion and one for all others. Each row keeps "
    "the first required emotions of a policy and hides the others as sensitive, in fits of their "
    "own. F1 and U are means over the emotions that are kept. “Retrained” is the AUC of any of "
    "them against the rest. “Bound” is the upper limit on every attacker with one vector. More "
    "bins release more, so their bound is weaker."
)
_SHIPPED: Final = (
    "An attacker has the part and a candidate recording, and infers if the recording was fitted on "
    "(against others of the same speakers), or if its speaker was (with recordings that were not). "
    "In each of two games, half of all speakers, drawn at random, take part in a fit with half of "
    "their recordings. Chance is 0.5. The scaled space of a feature set of sordino is that of "
    "synthetic speech and tells nothing. That of other vectors is fitted, and holds each recording "
    "of its fit whole; `--public` fits it on other people. The positions of prototypes are "
    "differentially private, given the mean, spread and directions of speech. The rest is not, so "
    "**a bundle as a whole has no epsilon**."
)
