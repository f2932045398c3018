"""Studies: the experiments of papers, run again with retrained attackers."""

from sordino.study import feng2021
from sordino.study.protocol import POLICIES, Fitters, Options

__all__ = ["POLICIES", "Fitters", "Options", "feng2021"]
