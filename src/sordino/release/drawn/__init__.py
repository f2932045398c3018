"""Release `drawn` and its variants: one decision per utterance is released, as a prototype that was
fixed before.
"""

from __future__ import annotations
