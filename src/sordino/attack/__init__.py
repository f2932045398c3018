"""What can be taken: attackers on released vectors."""

from sordino.attack import membership, selftest
from sordino.attack.attackers.families import FULL, QUICK
from sordino.attack.attackers.ignorant import Judgement, RiskAttacker, RiskFitter
from sordino.attack.pooling import patient
from sordino.attack.retraining import Retrained, retrain
from sordino.attack.run import Attacked, run, together
from sordino.attack.significance import permutation_test
from sordino.attack.significance.null_distribution import Null
from sordino.attack.vector_audit import Audit, Audited
from sordino.columns import RELEASE_PREDICTIONS as COLUMNS

__all__ = [
    "COLUMNS",
    "FULL",
    "QUICK",
    "Attacked",
    "Audit",
    "Audited",
    "Judgement",
    "Null",
    "Retrained",
    "RiskAttacker",
    "RiskFitter",
    "membership",
    "patient",
    "permutation_test",
    "retrain",
    "run",
    "selftest",
    "together",
]
