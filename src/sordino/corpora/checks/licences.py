"""The licence of each corpus, and whether it allows commercial use.

It is an open legal question whether a licence of recordings covers a model that was fitted on them:
ask a lawyer before you ship a bundle. This module repeats the terms of the corpora themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sordino.corpora.adapters.file_names.registry import FILE_NAMES
from sordino.corpora.checks.facts import Licence

LICENCES: Final[dict[str, Licence]] = {
    "ravdess": Licence("CC BY-NC-SA 4.0 (Livingstone & Russo 2018)", commercial=False),
    "emodb": Licence("no licence stated with the recordings (Burkhardt et al. 2005)"),
    "cremad": Licence("ODbL 1.0, contents DbCL 1.0 (Cao et al. 2014)", commercial=True),
    "iemocap": Licence(
        "research licence of its authors, on request (Busso et al. 2008)", commercial=False
    ),
    "muse": Licence(
        "research licence of its authors, on request (Jaiswal et al. 2020)", commercial=False
    ),
    "msp_improv": Licence("academic licence, on request (Busso et al. 2017)", commercial=False),
    "msp_podcast": Licence(
        "academic licence; a commercial one is sold (Lotfian & Busso 2019)", commercial=False
    ),
    "meld": Licence("GPL-3.0; dialogues of a television series (Poria et al. 2019)"),
    "meld_sound": Licence("GPL-3.0; sound of a television series (Poria et al. 2019)"),
    **{name: corpus.licence for name, corpus in FILE_NAMES.items()},
    "synthetic": Licence("synthesised by espeak-ng, of no real person", commercial=True),
}
"""By adapter; the owner of the recordings of a `manifest` decides their licence."""

UNKNOWN_LICENCE: Final = Licence("unknown to sordino")


def licences(corpora: Iterable[str]) -> dict[str, str]:
    """The licence of each corpus, by name.

    >>> licences(["ravdess", "ours"])
    {'ravdess': 'CC BY-NC-SA 4.0 (Livingstone & Russo 2018)', 'ours': 'unknown to sordino'}
    """
    return {name: LICENCES.get(name, UNKNOWN_LICENCE).text for name in corpora}


def commercial_use(corpora: Iterable[str], research_only: Iterable[str] = ()) -> str:
    """Whether commercial use is open, in one line; one corpus or tool can exclude it.

    `research_only` names further components that are for research only.

    >>> commercial_use(["cremad"]), commercial_use(["cremad", "emodb"])
    ('open', 'unknown: ask about emodb')
    >>> commercial_use(["cremad", "ravdess"], research_only=["openSMILE features"])
    'not open: openSMILE features, ravdess'
    """
    allowed = {name: LICENCES.get(name, UNKNOWN_LICENCE).commercial for name in corpora}
    closed = [*research_only, *(name for name, open_use in allowed.items() if open_use is False)]
    if closed:
        return f"not open: {', '.join(closed)}"
    unknown = [name for name, open_use in allowed.items() if open_use is None]
    return f"unknown: ask about {', '.join(unknown)}" if unknown else "open"
