"""The word vectors of a corpus, and the training of word vectors from transcripts.

>>> words = train(["the cup stands on the table", "the table stands in the hall"] * 50, dims=8)
>>> len(words), words("On the table.").shape
(7, (3, 8))
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError, FeatureError
from sordino.signal.words import UNKNOWN_WORD, Words, gensim_models, tokens

EPOCHS: Final = 20
"""Passes over the transcripts. word2vec's usual five suffice for a hundred thousand words. With a
few thousand words, five passes leave related words no closer than unrelated ones; twenty suffice.
"""

MIN_COUNT: Final = 2
"""A less frequent word is trained as `<unk>`, so that the vector of unseen words is trained too."""


def word_sequences(corpus: Corpus, words: Words) -> list[NDArray[np.float32]]:
    """The word vectors of each utterance, `(max(1, words), d)` float32 each, in the corpus' row
    order.

    An utterance without known words is a single row of `<unk>`.

    Raises `CorpusError` for a corpus without transcripts.
    """
    return [words(text) for text in transcripts_of(corpus)]


def transcripts_of(corpus: Corpus) -> list[str]:
    """The transcript of each utterance, in row order, empty where it is unknown.

    Raises `CorpusError` where a part of a joined corpus has no transcripts.
    """
    for name, rows in corpus.table.groupby("corpus", sort=False):
        if not rows["transcript"].str.strip().any():
            raise CorpusError(
                f"{name}: no transcripts, expected one for its utterances: leave the corpus out, "
                "or add the column `transcript` to its table"
            )
    return corpus.table["transcript"].tolist()


def train(
    transcripts: Sequence[str],
    dims: int = 100,
    seed: int = 0,
    epochs: int = EPOCHS,
    rarest: int = MIN_COUNT,
) -> Words:
    """Word vectors trained on these transcripts: word2vec's skip-gram (Mikolov et al. 2013).

    `dims` is the length of a vector; a small corpus fills at most a hundred. The result depends on
    the set of texts and not on their order. The same texts and seed yield the same bytes on one
    machine, in any process. It has every word with at least `rarest` occurrences, by falling
    frequency, and `<unk>` for rarer words. It contains words of these transcripts only, so train on
    the transcripts of training speakers.

    Raises `FeatureError` where no word is frequent enough, `DependencyError` without gensim.
    """
    if dims < 1 or epochs < 1 or rarest < 1:
        raise FeatureError(
            f"dims {dims}, epochs {epochs}, rarest {rarest}, expected at least 1 each: choose "
            "others"
        )
    sentences = [sentence for sentence in map(tokens, sorted(transcripts)) if sentence]
    order = np.random.default_rng(seed).permutation(len(sentences))
    count = Counter(word for sentence in sentences for word in sentence)
    if not any(times >= rarest for times in count.values()):
        raise FeatureError(
            f"{len(sentences)} transcripts in which no word occurs {rarest} times, expected "
            "frequent words: train on more transcripts"
        )
    sentences = [
        [word if count[word] >= rarest else UNKNOWN_WORD for word in sentences[index]]
        for index in order
    ]
    return _skip_gram(sentences, dims, seed, epochs)


def _skip_gram(sentences: list[list[str]], dims: int, seed: int, epochs: int) -> Words:
    """Training with one thread and a fixed order of the vocabulary, so that runs are repeatable."""
    count = Counter(word for sentence in sentences for word in sentence)
    vocabulary = sorted(count, key=lambda word: (-count[word], word))
    model = gensim_models().Word2Vec(
        vector_size=dims, sg=1, min_count=1, seed=seed, workers=1, sorted_vocab=0
    )
    model.build_vocab_from_freq(
        {word: count[word] for word in vocabulary}, corpus_count=len(sentences)
    )
    model.train(sentences, total_examples=len(sentences), total_words=count.total(), epochs=epochs)
    return Words.of(model.wv.index_to_key, model.wv.vectors)


def save(words: Words, path: str | Path) -> Path:
    """Write word vectors for `signal.words.read`; the path, which ends in `.kv`.

    There are two files: `NAME.kv`, and `NAME.kv.vectors.npy` with the matrix, which can be
    memory-mapped. During replacement `NAME.kv` is absent, so that no reader combines files of two
    versions.

    Raises `FeatureError` for another suffix, `StorageError` where a file cannot be written.
    """
    path = writable(path)
    storage.folder(path.parent)
    with (
        storage.as_storage_error(path),
        tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder,
    ):
        file = Path(folder) / path.name
        _keyed(words).save(str(file), separately=["vectors"])
        path.unlink(missing_ok=True)
        for part in (
            f"{path.name}.vectors.npy",
            path.name,
        ):  # the head last, since readers look for it
            (Path(folder) / part).replace(path.parent / part)
    return path


def writable(path: str | Path) -> Path:
    """The path. Raises `FeatureError` for another suffix than `.kv`."""
    if Path(path).suffix.lower() != ".kv":
        raise FeatureError(
            f"{path}: suffix {Path(path).suffix or 'missing'}, expected .kv: choose such a name"
        )
    return Path(path)


def _keyed(words: Words) -> Any:
    """The words as gensim's `KeyedVectors`, without its log of dates and versions."""
    keyed = gensim_models().KeyedVectors(words.dims)
    keyed.lifecycle_events = None
    keyed.add_vectors(list(words.row_of), np.asarray(words.vectors, dtype=np.float32))
    return keyed
