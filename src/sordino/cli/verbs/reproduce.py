"""`sordino reproduce`: the study of a paper on your recordings, with retrained attackers too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from sordino.cli.options import (
    CACHE,
    CONDITIONS_HELP,
    CORES,
    FEATURES_HELP,
    AttackersOption,
    CacheOption,
    ClusterOption,
    CorpusOption,
    DeviceOption,
    JobsOption,
    JsonOption,
    LatexOption,
    OutOption,
    SeedOption,
    attacker_families,
    corpora_from,
    resolve_features,
)
from sordino.cli.output import print_table, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from sordino.storage import Location
    from sordino.study.feng2021.comparison import Setting, SettingFigures
    from sordino.study.feng2021.learning_curve import LearningCurves

app = typer.Typer(no_args_is_help=True)

ValidationOption = Annotated[
    Literal["speaker", "utterance"],
    typer.Option(
        "--validation", help="Early stopping of the release on held-out speakers or utterances."
    ),
]
ScaleOption = Annotated[
    Literal["minmax", "zscore"], typer.Option("--scale", help="Scaling of features before PCA.")
]
PreprocessOnOption = Annotated[
    Literal["transform", "risk", "both"],
    typer.Option("--preprocess-on", help="The party on which scaling and PCA are fitted."),
]
NormaliseOption = Annotated[
    Literal["speaker", "utterance", "corpus", "running"],
    typer.Option("--normalise", help="Normalisation of the audio features; the paper: speaker."),
]
SequencesOption = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="SET",
        help="filterbank: 40 mel bands, as in the paper; speech: the frames of a pretrained "
        "encoder, which need the extra `speech`.",
    ),
]
SeveralFeaturesOption = Annotated[
    list[str],
    typer.Option(
        "--features",
        metavar="SET",
        help=f"{FEATURES_HELP} MODULE:NAME of your own, or a table of vectors: FILE.parquet. "
        "Repeatable: one table then has all sets.",
    ),
]
PaperConditionsOption = Annotated[
    list[str],
    typer.Option("--conditions", metavar="none|standard", help=f"{CONDITIONS_HELP} Repeatable."),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="SECTION",
        help="A section of the study, such as audio-activation or sweep; repeatable.",
    ),
]
WordsOption = Annotated[
    Path | None,
    typer.Option(
        "--words",
        metavar="FILE",
        help="Word vectors: .bin, .txt or .kv; default: trained in every fold.",
    ),
]
LearningCurveOption = Annotated[
    bool,
    typer.Option(
        "--learning-curve",
        help="F1 and U by the number of utterances of the fitting speakers, without retrained "
        "attackers.",
    ),
]
NetworksOption = Annotated[
    int, typer.Option("--seeds", min=1, help="Networks per fold; the paper: 3.")
]
GridOption = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        metavar="AXIS=VALUES",
        help="Search sizes and lambda on validation speakers: paper, or an axis such as "
        "kernels=32,64 or reversal=0.3,1; repeatable. Default: no search.",
    ),
]

_INTERVALS: Final = "The report has intervals and the limits of the tests."

TERMINAL_ROWS = {
    "Utility": {
        "F1 of the required emotion": "ignorant emotion f1 required",
        "U of the required emotion": "ignorant emotion unchanged required",
        "U of the neutral emotion": "ignorant emotion unchanged neutral",
        "detail within the required": "ignorant emotion detail required",
    },
    "Ignorant attacker": {
        "F1 of sensitive emotions": "ignorant emotion f1 sensitive",
        "AUC, sensitive against neutral": "ignorant sensitive-vs-neutral distinguish",
        "AUC, gender": "ignorant gender auc",
    },
    "Retrained attacker": {
        "AUC, sensitive against neutral": "semi-informed sensitive-vs-neutral distinguish",
        "AUC, gender": "semi-informed gender auc",
    },
}
"""The rows on the terminal: heading, label, and name in `sordino.study.run_record.summary`."""


@app.callback()
def _papers() -> None:
    """Verbs below `sordino reproduce`, one per paper."""


@app.command("feng2021")
def feng2021(
    corpus: CorpusOption,
    out: OutOption,
    features: SeveralFeaturesOption = ["IS13"],  # noqa: B006 (typer copies it)
    scale: ScaleOption = "minmax",
    preprocess_on: PreprocessOnOption = "transform",
    validation: ValidationOption = "speaker",
    attackers: AttackersOption = "quick",
    conditions: PaperConditionsOption = ["none"],  # noqa: B006 (typer copies it)
    learning_curve: LearningCurveOption = False,
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
    latex: LatexOption = False,
) -> None:
    """Hide emotions and gender as in Feng 2021, and attack the released vectors.

    The paper measures an ignorant attacker; this command adds a retrained one. Writes
    estimates.csv, run.json, report.html and figures to --out. If a run was interrupted, the same
    command resumes it. With several --features or --conditions, each setting has its own folder in
    --out, and one table has them all.

    Example:
      sordino reproduce feng2021 --corpus ravdess=data/ravdess \\
        --corpus emodb=data/emodb --features mel --out feng2021
    """
    from sordino.study import Options
    from sordino.study import feng2021 as study

    sets = [resolve_features(name) for name in features]
    settings = study.settings_of(sets, conditions)
    options = Options(
        families=attacker_families(attackers),
        scale=scale,
        fit_on=preprocess_on,
        validation=validation,
        seed=seed,
        conditions=settings[0].conditions,
    )
    arguments: dict[str, Any] = {"options": options, "cache": cache, "jobs": jobs, "latex": latex}
    if learning_curve:
        curves = study.learning_curves(corpora_from(corpus), out, settings, **arguments)
        print_curves(curves, out, json)
    elif len(settings) > 1:
        rows = study.compare_settings(corpora_from(corpus), out, settings, **arguments)
        print_settings(rows, out, json)
    else:
        estimates = study.reproduce(corpora_from(corpus), out, features=sets[0], **arguments)
        print_feng2021(estimates, out, json)


@app.command("jaiswal2020")
def jaiswal2020(
    corpus: CorpusOption,
    out: OutOption,
    only: OnlyOption = None,
    features: SequencesOption = "filterbank",
    normalise: NormaliseOption = "speaker",
    words: WordsOption = None,
    seeds: NetworksOption = 1,
    grid: GridOption = None,
    attackers: AttackersOption = "quick",
    cache: CacheOption = CACHE,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,
    cluster: ClusterOption = None,  # noqa: ARG001 (its callback connects)
    device: DeviceOption = "auto",  # noqa: ARG001 (its callback selects it)
    json: JsonOption = None,
) -> None:
    """Train embeddings without gender and speaker as in Jaiswal 2020, and attack them.

    Writes estimates.csv, run.json and report.html to --out. If a run was interrupted, the same
    command resumes it.

    Example:
      sordino reproduce jaiswal2020 --corpus ravdess=data/ravdess \\
        --only audio-activation --out jaiswal2020
    """
    from sordino.study import jaiswal2020 as study
    from sordino.study.jaiswal2020.grid import parse_grid
    from sordino.study.jaiswal2020.variants import JaiswalOptions

    options = JaiswalOptions(
        families=attacker_families(attackers),
        features=features,
        normalise=normalise,
        seeds=seeds,
        seed=seed,
        grid=parse_grid(grid or ()),
    )
    estimates = study.reproduce(
        corpora_from(corpus),
        out,
        options=options,
        only=only or (),
        words=words,
        cache=cache,
        jobs=jobs,
    )
    print_jaiswal2020(estimates, out, json)


def print_jaiswal2020(estimates: pd.DataFrame, out: Location, json: str | None) -> None:
    """Print utility and leakage of each embedding; optionally write them as JSON."""
    from sordino.study.jaiswal2020.study import summary

    rows = summary(estimates)
    if json:
        report = str(out / "report.html")
        write_json(json, {"report": report, "embeddings": rows.to_dict("records")})
    if json == "-":
        return
    _print_rows(rows, "Jaiswal 2020, reproduced", out, caption="")


def print_feng2021(estimates: pd.DataFrame, out: Location, json: str | None) -> None:
    """Print means over the three policies and the path of the report; optionally write all means
    as JSON.
    """
    from sordino.study.run_record import summary

    means = summary(estimates)
    if json:
        figures: dict[str, Any] = {name: means[name].dropna().to_dict() for name in means.columns}
        write_json(json, {"report": str(out / "report.html"), "mean_of_policies": figures})
    if json == "-":
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("mean of three policies", title="Feng 2021, reproduced")
    for name in means.columns:
        table.add_column(str(name), justify="right")
    for heading, rows in TERMINAL_ROWS.items():
        table.add_row(Text(heading, style="bold"))
        for label, figure in rows.items():
            if figure in means.index:  # a corpus without intensity has no detail
                table.add_row(f"  {label}", *[f"{value:.2f}" for value in means.loc[figure]])
        table.add_section()
    table.caption = _INTERVALS
    print_table(table, out / "report.html")


def print_settings(
    rows: Mapping[Setting, Mapping[str, SettingFigures]], out: Location, json: str | None
) -> None:
    """Print the paper's values and those of each setting; optionally write them as JSON."""
    from sordino.study.feng2021.comparison import settings_rows

    table = settings_rows(rows)
    if json:
        write_json(json, {"report": str(out / "report.html"), "settings": table.to_dict("records")})
    if json != "-":
        _print_rows(table, "Feng 2021, features and conditions of the fit", out)


def print_curves(curves: Mapping[str, LearningCurves], out: Location, json: str | None) -> None:
    """Print every curve; optionally write every point as JSON."""
    from sordino.study.feng2021.curve_report import curve_rows, curve_summary

    if json:
        points = curve_rows(curves).to_dict("records")
        write_json(json, {"report": str(out / "report.html"), "points": points})
    if json != "-":
        _print_rows(curve_summary(curves), "Feng 2021, by utterances of each party", out)


def _print_rows(rows: pd.DataFrame, title: str, out: Location, caption: str = _INTERVALS) -> None:
    """Print a table of texts and numbers, and the path of the report."""
    from rich.table import Table

    from sordino.report.tables import number

    table = Table(title=title, caption=caption or None)
    for name, column in rows.items():
        is_text = all(isinstance(value, str) for value in column)
        table.add_column(str(name), justify="left" if is_text else "right", no_wrap=is_text)
    for row in rows.itertuples(index=False):
        table.add_row(*[value if isinstance(value, str) else number(value) for value in row])
    print_table(table, out / "report.html")
