"""Under which licence each corpus is given out, and whether what is fitted on it may be sold.

Whether a licence of recordings binds what was fitted on them is not settled anywhere; whoever ships
a bundle asks a lawyer. What stands here is what the corpora themselves say, so that nobody
overlooks it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class Licence(NamedTuple):
    """A corpus' own words in short, and whether commercial use is allowed: None where it does not
    say.
    """

    text: str
    commercial: bool | None = None


LICENCES: Final = {
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
    "synthetic": Licence("made by espeak-ng, nobody's voice", commercial=True),
}
"""By adapter; recordings of one's own, `manifest`, have whatever licence their owner gives."""

UNKNOWN: Final = Licence("unknown to sordino")


def licences(corpora: Iterable[str]) -> dict[str, str]:
    """The licence of each corpus, by name.

    >>> licences(["ravdess", "ours"])
    {'ravdess': 'CC BY-NC-SA 4.0 (Livingstone & Russo 2018)', 'ours': 'unknown to sordino'}
    """
    return {name: LICENCES.get(name, UNKNOWN).text for name in corpora}


def commercial_use(corpora: Iterable[str], research_only: Iterable[str] = ()) -> str:
    """Whether commercial use is open, in one line: closed by one corpus or tool, it is closed.

    `research_only` names what beside the corpora may be used for research alone.

    >>> commercial_use(["cremad"]), commercial_use(["cremad", "emodb"])
    ('open', 'unknown: ask about emodb')
    >>> commercial_use(["cremad", "ravdess"], research_only=["openSMILE features"])
    'not open: openSMILE features, ravdess'
    """
    allowed = {name: LICENCES.get(name, UNKNOWN).commercial for name in corpora}
    closed = [*research_only, *(name for name, given in allowed.items() if given is False)]
    if closed:
        return f"not open: {', '.join(closed)}"
    unknown = [name for name, given in allowed.items() if given is None]
    return f"unknown: ask about {', '.join(unknown)}" if unknown else "open"
