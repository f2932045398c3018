"""The adapters of all corpora by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sordino import plugins, textfile
from sordino.corpora.adapters import (
    cremad,
    emodb,
    iemocap,
    manifest,
    meld,
    msp_improv,
    msp_podcast,
    muse,
    ravdess,
)
from sordino.corpora.adapters.file_names.registry import FILE_NAMES
from sordino.corpora.formats.registry import FORMATS
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError


def _synthetic(folder: Path, **options: Any) -> Corpus:
    from sordino.corpora import synthetic  # its voice is loaded on demand

    return synthetic.make(folder, **options)


ADAPTERS: Final[dict[str, Callable[..., Corpus]]] = {
    "ravdess": ravdess.load,
    "emodb": emodb.load,
    "cremad": cremad.load,
    "iemocap": iemocap.load,
    "muse": muse.load,
    "msp_improv": msp_improv.load,
    "msp_podcast": msp_podcast.load,
    "meld": meld.load,
    "meld_sound": meld.load_sound,
    **{name: corpus.load for name, corpus in FILE_NAMES.items()},
    **FORMATS,
    "manifest": manifest.load,
    "synthetic": _synthetic,
}
"""The name of a corpus to the function from its path to a `Corpus`. A new corpus needs one file and
one line here.
"""


def load(name: str, path: str | Path, /, *, keep_absent: bool = False, **options: Any) -> Corpus:
    """The corpus of that name at a path: a folder in the official layout, or for `manifest` a CSV
    table.

    `options` are those of the adapter, such as `labels="perceived"` for `cremad`, and for a format
    `columns` and `sounds` (`formats.foreign_rows.Reading`). Rows are sorted by path, so that they
    are the same on every machine. `keep_absent` includes the rows of a manifest or a format without
    a recording, for callers that list unusable recordings; otherwise such a table is an error.
    `synthetic` is synthesised into the folder where files are missing.

    A name `module:function`, or an entry point of `sordino.corpora`, is a user's own adapter: a
    function from the path to a `Corpus`.

    Raises `CorpusError` for an unknown name and for a path without such a corpus, and `PluginError`
    for an adapter that cannot be imported. An error of a user's adapter becomes a `CorpusError`
    that names the adapter.
    """
    if name not in ADAPTERS and plugins.has("corpora", name):
        adapter = plugins.import_name("corpora", name)
        with plugins.errors_of(adapter, f"corpus {name!r}", CorpusError, "correct the adapter"):
            corpus = adapter(textfile.home(path), **options) if callable(adapter) else adapter
        if not isinstance(corpus, Corpus):
            raise CorpusError(
                f"{name}: a {type(corpus).__name__}, expected a function from a path to a Corpus"
            )
        return corpus
    if name not in ADAPTERS:
        raise CorpusError(
            f"corpus {name!r} is not known, expected one of {', '.join(ADAPTERS)}, or "
            "MODULE:FUNCTION: or write a manifest"
        )
    if keep_absent and name in (manifest.NAME, *FORMATS):  # the others find recordings on the disk
        options["keep_absent"] = True
    return ADAPTERS[name](textfile.home(path), **options)
