"""From a corpus to its words, and from transcripts to word vectors of one's own where there are
none to read.

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
"""How often training goes through the transcripts. word2vec's usual five do for a hundred thousand
words; with a few thousand they leave words of one kind no closer than words of two, and twenty do
not.
"""

MIN_COUNT: Final = 2
"""A word that comes less often is trained as `<unk>`, so that what stands for unseen words has been
trained as well.
"""


def spoken(corpus: Corpus, words: Words) -> list[NDArray[np.float32]]:
    """The word vectors of each utterance, `(max(1, words), d)` float32 each, in the corpus' row
    order.

    An utterance without a transcript, or none of whose words is known, is a single row of `<unk>`.

    Raises `CorpusError` for a corpus none of whose utterances has a transcript.
    """
    return [words(text) for text in transcripts_of(corpus)]


def transcripts_of(corpus: Corpus) -> list[str]:
    """What was said in each utterance, in row order, empty where it is not known.

    Raises `CorpusError` where one of the corpora that this one was joined from has no transcript at
    all.
    """
    for name, rows in corpus.table.groupby("corpus", sort=False):
        if not rows["transcript"].str.strip().any():
            raise CorpusError(
                f"{name}: no transcripts, expected what was said in its utterances: leave the "
                "corpus out, or add the "
                "column `transcript` to its table"
            )
    return corpus.table["transcript"].tolist()


def train(
    transcripts: Sequence[str],
    dims: int = 100,
    seed: int = 0,
    epochs: int = EPOCHS,
    rarest: int = MIN_COUNT,
) -> Words:
    """Word vectors learnt from these transcripts and no others: word2vec's skip-gram (Mikolov et
    al. 2013).

    `dims` is the length of a vector; a small corpus fills no more than a hundred. The result
    depends on which texts there are, not on their order, and the same texts and seed give the same
    bytes on one machine, in any process. It holds every word that comes at least `rarest` times, by
    falling frequency, and `<unk>` where a word is rarer: other parts' words are not in it, so train
    on the transcripts of training speakers only.

    Raises `FeatureError` where no word comes often enough, `DependencyError` without gensim.
    """
    if dims < 1 or epochs < 1 or rarest < 1:
        raise FeatureError(
            f"dims {dims}, epochs {epochs}, rarest {rarest}, expected at least 1 each: choose "
            "others"
        )
    sentences = [said for said in map(tokens, sorted(transcripts)) if said]
    order = np.random.default_rng(seed).permutation(len(sentences))
    count = Counter(word for said in sentences for word in said)
    if not any(times >= rarest for times in count.values()):
        raise FeatureError(
            f"{len(sentences)} transcripts in which no word comes {rarest} times, expected words "
            "that come again: "
            "train on more of them"
        )
    sentences = [
        [word if count[word] >= rarest else UNKNOWN_WORD for word in sentences[place]]
        for place in order
    ]
    return _skip_gram(sentences, dims, seed, epochs)


def _skip_gram(sentences: list[list[str]], dims: int, seed: int, epochs: int) -> Words:
    """One thread, and a vocabulary in an order of ours: what could differ between two runs is
    fixed.
    """
    count = Counter(word for said in sentences for word in said)
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
    """Write word vectors so that `signal.words.read` finds them again; the path, which ends in
    `.kv`.

    Two files: `NAME.kv` and beside it `NAME.kv.vectors.npy`, the matrix, so that it can be
    memory-mapped. While they are being replaced there is no `NAME.kv`: nobody reads one of them
    with the other of another time.

    Raises `FeatureError` for another suffix, `StorageError` where it cannot be written.
    """
    path = writable(path)
    storage.folder(path.parent)
    with (
        storage.told(path),
        tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as place,
    ):
        made = Path(place) / path.name
        _keyed(words).save(str(made), separately=["vectors"])
        path.unlink(missing_ok=True)
        for part in (
            f"{path.name}.vectors.npy",
            path.name,
        ):  # the head last: it is what readers look for
            (Path(place) / part).replace(path.parent / part)
    return path


def writable(path: str | Path) -> Path:
    """The path as one that `save` writes to. Raises `FeatureError` for another suffix than `.kv`."""
    if Path(path).suffix.lower() != ".kv":
        raise FeatureError(
            f"{path}: suffix {Path(path).suffix or 'missing'}, expected .kv: choose such a name"
        )
    return Path(path)


def _keyed(words: Words) -> Any:
    """The words as gensim's `KeyedVectors`, without the diary of dates and versions that it would
    keep in the file.
    """
    keyed = gensim_models().KeyedVectors(words.dims)
    keyed.lifecycle_events = None
    keyed.add_vectors(list(words.row_of), np.asarray(words.vectors, dtype=np.float32))
    return keyed
