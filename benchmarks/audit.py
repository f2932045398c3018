"""Time of an audit of 2,000 vectors of 256 dimensions from 40 speakers, and of a permutation test
with scikit-learn.

python benchmarks/audit.py
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sordino.attack import FULL, QUICK, Audit


def main() -> None:
    """Print the seconds of a quick audit, of a full audit and of a test with scikit-learn."""
    x, gender, speaker = table()
    with threadpool_limits(1):
        for name, families in (("quick", QUICK), ("full", FULL)):
            audit = Audit(families, jobs=0)
            start = time.perf_counter()
            result = audit.run(x, gender, speaker, reference=x)
            seconds = time.perf_counter() - start
            attackers = len(result.decision.by_attacker)
            print(
                f"{name}, with a reference: {attackers} attackers, {audit.count} shuffles: "
                f"{seconds:.1f} s on all cores, {result.decision.answer}",
                flush=True,
            )
        start = time.perf_counter()
        auc, shuffles = tuned_svm(x, speaker), 3
        seconds = (time.perf_counter() - start) / shuffles
        print(
            f"scikit-learn, one tuned SVM refitted on {shuffles} shuffles: {auc:.2f} AUC, "
            f"{seconds:.1f} s per shuffle, {seconds * 199 / 60:.0f} min for 199"
        )


def table() -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """The vectors, with the gender and the speaker of each; voices differ and genders do not."""
    random = np.random.default_rng(0)
    speaker = np.repeat(np.arange(40), 50)
    voices = random.normal(0, 0.6, (40, 256))[speaker]
    return voices + random.normal(0, 0.8, (2000, 256)), speaker % 2, speaker


def tuned_svm(x: NDArray[np.float64], speaker: NDArray[np.intp]) -> float:
    """The mean AUC of a tuned SVM that is refitted on every shuffle of gender over speakers."""
    from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
    from sklearn.svm import SVC

    random = np.random.default_rng(0)
    areas = []
    for _ in range(3):
        shuffled = random.permutation(np.arange(40) % 2)[speaker]
        search = GridSearchCV(
            SVC(), {"C": [1, 10], "gamma": ["scale", 0.001]}, scoring="roc_auc", cv=3
        )
        folds = GroupKFold(5).split(x, shuffled, speaker)
        areas.append(cross_val_score(search, x, shuffled, cv=folds, scoring="roc_auc").mean())
    return float(np.mean(areas))


if __name__ == "__main__":
    main()
