"""Attackers on released vectors."""

from sordino.attack import membership, selftest
from sordino.attack.attackers.families import FULL, QUICK, QUICK_TABLE, available
from sordino.attack.attackers.ignorant import Judgement, RiskAttacker, RiskFitter
from sordino.attack.pooling import pool_scores
from sordino.attack.retraining import RetrainResult, retrain
from sordino.attack.run import AttackResult, run, run_joint
from sordino.attack.significance import permutation_test
from sordino.attack.significance.null_distribution import Null
from sordino.attack.vector_audit import Audit
from sordino.attack.vectors.result import AuditResult
from sordino.attack.vectors.scorer import LeakageScorer, leakage_scorer
from sordino.columns import PREDICTION_COLUMNS

__all__ = [
    "FULL",
    "PREDICTION_COLUMNS",
    "QUICK",
    "QUICK_TABLE",
    "AttackResult",
    "Audit",
    "AuditResult",
    "Judgement",
    "LeakageScorer",
    "Null",
    "RetrainResult",
    "RiskAttacker",
    "RiskFitter",
    "available",
    "leakage_scorer",
    "membership",
    "permutation_test",
    "pool_scores",
    "retrain",
    "run",
    "run_joint",
    "selftest",
]
