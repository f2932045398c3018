"""Release `drawn` and its kin: of an utterance one decision goes out, as a vector that exists
already.
"""

from __future__ import annotations
