"""Laws for a method of your own: what sordino expects of a release, a feature set and an attacker.

Each check runs every law and raises one `AssertionError` that lists those that are broken. The
dictionaries of laws serve as parameters of a test: one test a law.
"""

from __future__ import annotations

from sordino.testing.attackers import ATTACKER_LAWS, check_attacker
from sordino.testing.extractors import EXTRACTOR_LAWS, check_extractor
from sordino.testing.laws import Law
from sordino.testing.releases import RELEASE_LAWS, check_release
from sordino.testing.synthetic import POLICY, SyntheticVectors, synthetic_vectors

__all__ = [
    "ATTACKER_LAWS",
    "EXTRACTOR_LAWS",
    "POLICY",
    "RELEASE_LAWS",
    "Law",
    "SyntheticVectors",
    "check_attacker",
    "check_extractor",
    "check_release",
    "synthetic_vectors",
]
