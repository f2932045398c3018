"""What can be taken: attackers on released vectors."""

from sordino.attack import membership, selftest, verdict
from sordino.attack.attackers import FULL, QUICK
from sordino.attack.audit import Audit, Audited
from sordino.attack.ignorant import Judgement, RiskAttacker, RiskFitter
from sordino.attack.null import Null
from sordino.attack.patience import patient
from sordino.attack.retraining import Retrained, retrain
from sordino.attack.run import COLUMNS, Attacked, run, together

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
    "retrain",
    "run",
    "selftest",
    "together",
    "verdict",
]
