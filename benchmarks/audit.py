"""How long an audit takes: 2,000 vectors of 256 dimensions, 40 speakers; and what a user would
write instead.

python benchmarks/audit.py
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sordino.attack import FULL, QUICK, Audit


def main() -> None:
    """Print the seconds of a quick and of a full audit, and of scikit-learn's own permutation test
    beside them.
    """
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(40), 50)
    gender = speaker % 2
    voices = random.normal(0, 0.6, (40, 256))[speaker]
    x = voices + random.normal(0, 0.8, (2000, 256))
    with threadpool_limits(1):
        for name, families in (("quick", QUICK), ("full", FULL)):
            audit = Audit(families, jobs=0)
            began = time.perf_counter()
            found = audit.run(x, gender, speaker, reference=x)
            seconds = time.perf_counter() - began
            attackers = len(found.decision.by_attacker)
            print(
                f"{name}, with a reference: {attackers} attackers, {audit.count} shuffles: "
                f"{seconds:.1f} s on all "
                f"cores, {found.decision.answer}",
                flush=True,
            )
        began = time.perf_counter()
        one, shuffles = _plain(x, speaker), 3
        each = (time.perf_counter() - began) / shuffles
        print(
            f"scikit-learn, one tuned SVM refitted on {shuffles} shuffles: {one:.2f} AUC, "
            f"{each:.1f} s a shuffle, "
            f"{each * 199 / 60:.0f} min for 199"
        )


def _plain(x: NDArray[np.float64], speaker: NDArray[np.intp]) -> float:
    """What a user would write instead: a tuned SVM, refitted on every shuffle of the speakers'
    genders.
    """
    from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
    from sklearn.svm import SVC

    random = np.random.default_rng(0)
    found = []
    for _ in range(3):
        shuffled = random.permutation(np.arange(40) % 2)[speaker]
        search = GridSearchCV(
            SVC(), {"C": [1, 10], "gamma": ["scale", 0.001]}, scoring="roc_auc", cv=3
        )
        folds = GroupKFold(5).split(x, shuffled, speaker)
        found.append(cross_val_score(search, x, shuffled, cv=folds, scoring="roc_auc").mean())
    return float(np.mean(found))


if __name__ == "__main__":
    main()
