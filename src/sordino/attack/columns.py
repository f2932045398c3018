"""A table of guesses: what attackers say of vectors."""

from __future__ import annotations

from typing import Final

COLUMNS: Final = {
    "row": "place of the utterance; of pooled ones, the first",
    "speaker": "its speaker",
    "side": "which attackers guessed it: the number of the side whose speakers they never saw",
    "attacker": "family of the attacker",
    "best": "whether it had the highest AUC on rows of other sides, never on those it guesses",
    "truth": "the secret",
    "prediction": "what the attacker says",
    "score": "how sure it is of value 1 of a secret of 0 and 1, above 0 if it says so; NaN for any other secret",
    "k": "how many utterances the score is pooled over",
}
"""The columns of a table of guesses: one row an utterance and attacker."""
