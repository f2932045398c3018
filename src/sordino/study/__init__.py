"""The papers' studies, run again with attackers who retrain."""

from sordino.study import feng2021
from sordino.study.units import POLICIES, Options

__all__ = ["POLICIES", "Options", "feng2021"]
