"""`sordino words train`: word vectors from what is said in a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import CORES, CorpusOption, Jobs, Json, Seed, corpora_from, say, write_json

Kv = Annotated[
    Path,
    typer.Option(
        "--out", metavar="FILE.kv", help="Where to write; its folder is made when absent."
    ),
]
Dims = Annotated[int, typer.Option("--dims", min=1, help="The length of a word's vector.")]

app = typer.Typer(help="Train word vectors on transcripts.", no_args_is_help=True)


@app.callback()
def words() -> None:
    """Train word vectors on transcripts."""


@app.command()
def train(
    corpus: CorpusOption,
    out: Kv,
    dims: Dims = 100,
    seed: Seed = 0,
    jobs: Jobs = CORES,  # noqa: ARG001  every verb takes it; one thread gives the same vectors every time
    json: Json = None,
) -> None:
    """Train word2vec's skip-gram on the transcripts of whole corpora, for those who have no vectors
    to read.

    It writes FILE.kv and, beside it, FILE.kv.vectors.npy: keep both. Give corpora that no model is
    tested on; a study trains vectors of its own in every fold, on its training speakers.

    \b
    Example:
      sordino words train --corpus iemocap=data/iemocap --out words.kv --dims 100 --seed 0
    """
    from sordino.features import words as vectors
    from sordino.signal.words import gensim_models

    vectors.writable(out)
    gensim_models()
    recordings = corpora_from(corpus)
    said = vectors.transcripts_of(recordings)
    learnt = vectors.train(said, dims, seed)
    vectors.save(learnt, out)
    result = {
        "corpus": recordings.name,
        "transcripts": sum(bool(text.strip()) for text in said),
        "words": len(learnt),
        "dims": learnt.dims,
        "seed": seed,
        "hash": learnt.hash,
        "out": str(out),
    }
    if json != "-":
        say(
            [
                f"{result['words']} words of {result['transcripts']} transcripts, {learnt.dims} "
                f"dimensions: {out}"
            ]
        )
    if json:
        write_json(json, result)
