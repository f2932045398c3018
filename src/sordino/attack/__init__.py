"""What can be taken: attackers on released vectors."""

from sordino.attack import membership, privacy, selftest, verdict
from sordino.attack.attackers import FAMILIES, Attacker, Family
from sordino.attack.audit import Audit, Audited
from sordino.attack.guesses import Found, Side, patient
from sordino.attack.ignorant import Judgement, RiskAttacker, RiskFitter
from sordino.attack.run import COLUMNS, QUICK, Attacked, run

__all__ = [
    "COLUMNS",
    "FAMILIES",
    "QUICK",
    "Attacked",
    "Attacker",
    "Audit",
    "Audited",
    "Family",
    "Found",
    "Judgement",
    "RiskAttacker",
    "RiskFitter",
    "Side",
    "membership",
    "patient",
    "privacy",
    "run",
    "selftest",
    "verdict",
]
