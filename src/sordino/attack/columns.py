"""The table of guesses: predictions of attackers on vectors."""

from __future__ import annotations

from typing import Final

GUESS_COLUMNS: Final = {
    "row": "position of the utterance; for pooled utterances, of the first",
    "speaker": "its speaker",
    "side": "number of the split in which it was scored; its attackers never saw the speaker",
    "attacker": "family of the attacker",
    "best": "whether the family had the highest AUC on rows of other splits, never on these rows",
    "truth": "the secret",
    "prediction": "prediction of the attacker",
    "score": "evidence for value 1 of a binary secret, above 0 where 1 is predicted; else NaN",
    "k": "number of utterances over which the score is pooled",
}
"""The columns of a table of guesses: one row per utterance and attacker."""
