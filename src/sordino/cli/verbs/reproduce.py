"""`sordino reproduce`: a paper's study on your recordings, with attackers who retrain beside the
paper's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sordino.cli.options import (
    CACHE,
    CORES,
    Cache,
    CorpusOption,
    Jobs,
    Json,
    Out,
    Seed,
    corpora_from,
    show,
    write_json,
)

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="Reproduce a paper's study.")

Features = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="SET",
        help="mel, speech, speech-tiny, speech+mel, IS13, ComParE_2016, eGeMAPSv02, or a table of "
        "vectors: FILE.parquet.",
    ),
]
Held = Literal["speaker", "utterance"]
Validation = Annotated[
    Held,
    typer.Option("--validation", help="What stops the transform: held-out speakers or utterances."),
]
Scale = Annotated[
    Literal["minmax", "zscore"], typer.Option("--scale", help="How features are scaled before PCA.")
]
FitOn = Annotated[
    Literal["transform", "risk", "both"],
    typer.Option("--fit-on", help="Whose rows decide scaling and PCA."),
]


Attackers = Annotated[
    Literal["quick", "full"],
    typer.Option(
        "--audit", help="full adds SVMs, forests, boosting and networks to the attackers: slow."
    ),
]


def families(audit: str) -> tuple[str, ...]:
    """The attackers that `--audit` names."""
    from sordino.attack import FULL, QUICK

    return FULL if audit == "full" else QUICK


@app.callback()
def _papers() -> None:
    """Each paper is a verb of its own."""


@app.command("feng2021")
def feng2021(
    corpus: CorpusOption,
    out: Out,
    features: Features = "IS13",
    scale: Scale = "minmax",
    fit_on: FitOn = "transform",
    validation: Validation = "speaker",
    audit: Attackers = "quick",
    cache: Cache = CACHE,
    seed: Seed = 0,
    jobs: Jobs = CORES,
    json: Json = None,
) -> None:
    """Hide emotions and gender as in Feng 2021, and see who still finds them.

    Writes estimates.csv, run.json, report.html and figures to --out. The same command goes on where
    a killed run was.

    \b
    Example:
      sordino reproduce feng2021 --corpus ravdess=data/ravdess --corpus emodb=data/emodb --out
      feng2021
    """
    from sordino.study import Options
    from sordino.study import feng2021 as study

    options = Options(
        families=families(audit),
        scale=scale,
        fit_on=fit_on,
        validation=validation,
        seed=seed,
    )
    recordings = corpora_from(corpus)
    estimates = study.reproduce(
        recordings, out, features=features, options=options, cache=cache, jobs=jobs
    )
    tell(estimates, out, json)


Normalise = Annotated[
    Literal["speaker", "utterance", "corpus", "running"],
    typer.Option(
        "--normalise", help="How the audio is brought to one scale; speaker is the paper's."
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="SECTION",
        help="A part of the study, as audio-activation or sweep; again for more.",
    ),
]
Words = Annotated[
    Path | None,
    typer.Option(
        "--words", metavar="FILE", help="Word vectors: .bin, .txt or .kv; else they are learnt."
    ),
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Networks a fold; the paper has 3.")]


@app.command("jaiswal2020")
def jaiswal2020(
    corpus: CorpusOption,
    out: Out,
    only: Only = None,
    normalise: Normalise = "speaker",
    words: Words = None,
    seeds: Seeds = 1,
    audit: Attackers = "quick",
    cache: Cache = CACHE,
    seed: Seed = 0,
    jobs: Jobs = CORES,
    json: Json = None,
) -> None:
    """Train embeddings that are to forget gender and speaker as in Jaiswal 2020, and see who still
    finds them.

    Writes estimates.csv, run.json and report.html to --out. The same command goes on where a killed
    run was.

    \b
    Example:
      sordino reproduce jaiswal2020 --corpus ravdess=data/ravdess --only audio-activation --out
      jaiswal2020
    """
    from sordino.study import jaiswal2020 as study
    from sordino.study.jaiswal2020.variants import JaiswalOptions

    options = JaiswalOptions(families=families(audit), normalise=normalise, seeds=seeds, seed=seed)
    recordings = corpora_from(corpus)
    estimates = study.reproduce(
        recordings, out, options=options, only=only or (), words=words, cache=cache, jobs=jobs
    )
    tell_embeddings(estimates, out, json)


def tell_embeddings(estimates: pd.DataFrame, out: Path, json: str | None) -> None:
    """Print what each embedding keeps and what attackers get of it; write it as JSON where asked."""
    from sordino.study.jaiswal2020.study import summary

    table = summary(estimates)
    if json:
        write_json(
            json, {"report": str(out / "report.html"), "embeddings": table.to_dict("records")}
        )
    if json == "-":
        return
    from rich.table import Table

    from sordino.report.tables import number

    shown = Table(title="Jaiswal 2020, run again")
    for name in table.columns:
        words = name in ("stream", "task", "embedding")
        shown.add_column(str(name), justify="left" if words else "right", no_wrap=words)
    for row in table.itertuples(index=False):
        shown.add_row(*[value if isinstance(value, str) else number(value) for value in row])
    show(shown, out / "report.html")


SHOWN = {
    "What is kept": {
        "F1 of the required emotion": "ignorant emotion f1 required",
        "U of the required emotion": "ignorant emotion unchanged required",
        "U of the neutral emotion": "ignorant emotion unchanged neutral",
        "detail within the required": "ignorant emotion detail required",
    },
    "Attacker who never saw a release": {
        "F1 of sensitive emotions": "ignorant emotion f1 sensitive",
        "AUC, sensitive against neutral": "ignorant sensitive-vs-neutral distinguish",
        "AUC, gender": "ignorant gender auc",
    },
    "Attacker who retrains": {
        "AUC, sensitive against neutral": "semi-informed sensitive-vs-neutral distinguish",
        "AUC, gender": "semi-informed gender auc",
    },
}
"""What the terminal shows: heading, words, and the figure's name in
`sordino.study.run_record.summary`.
"""


def tell(estimates: pd.DataFrame, out: Path, json: str | None) -> None:
    """Print the means over the three policies and where the report is; write all of them as JSON
    where asked.
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

    shown = Table("mean of three policies", title="Feng 2021, run again")
    for name in means.columns:
        shown.add_column(str(name), justify="right")
    for heading, rows in SHOWN.items():
        shown.add_row(Text(heading, style="bold"))
        for words, figure in rows.items():
            if figure in means.index:  # no intensity, no detail
                shown.add_row(f"  {words}", *[f"{value:.2f}" for value in means.loc[figure]])
        shown.add_section()
    shown.caption = "Intervals and what was not tested are in the report."
    show(shown, out / "report.html")
