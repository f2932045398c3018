"""`sordino words train`: word vectors from the transcripts of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sordino.cli.options import (
    CORES,
    CorpusOption,
    JobsOption,
    JsonOption,
    SeedOption,
    corpora_from,
    local_path,
)
from sordino.cli.output import print_lines, write_json

DimsOption = Annotated[
    int, typer.Option("--dims", min=1, help="Number of dimensions of a word vector.")
]

app = typer.Typer(no_args_is_help=True)


WordsOutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="PATH",
        parser=local_path,
        help="File of word vectors (.kv); an existing one is replaced.",
    ),
]


@app.callback()
def _words() -> None:
    """Verbs below `sordino words`, one per action."""


@app.command()
def train(
    corpus: CorpusOption,
    out: WordsOutOption,
    dims: DimsOption = 100,
    seed: SeedOption = 0,
    jobs: JobsOption = CORES,  # noqa: ARG001 (every verb has it; one thread is reproducible)
    json: JsonOption = None,
) -> None:
    """Train word2vec (skip-gram) on the transcripts of entire corpora.

    --out is a file FILE.kv; FILE.kv.vectors.npy is written beside it and belongs to it. Use corpora
    on which no model is tested. A study trains vectors of its own in every fold, on its training
    speakers.

    Example:
      sordino words train --corpus manifest=recordings.csv --dims 100 --out words.kv
    """
    from sordino.features import words as vectors
    from sordino.signal.words import gensim_models

    vectors.writable(out)
    gensim_models()
    recordings = corpora_from(corpus)
    transcripts = vectors.transcripts_of(recordings)
    model = vectors.train(transcripts, dims, seed)
    vectors.save(model, out)
    result = {
        "corpus": recordings.name,
        "transcripts": sum(bool(text.strip()) for text in transcripts),
        "words": len(model),
        "dims": model.dims,
        "seed": seed,
        "hash": model.hash,
        "out": str(out),
    }
    if json != "-":
        print_lines(
            [
                f"{result['words']} words of {result['transcripts']} transcripts, {model.dims} "
                f"dimensions: {out}"
            ]
        )
    if json:
        write_json(json, result)
