"""Utility of a release: F1 and U of the roles, unweighted average recall of each gender, and detail
inside a class.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sordino.define import GENDERS, ROLES, Role
from sordino.errors import SordinoError

ClassCodes = NDArray[np.integer[Any]]
"""Class codes from 0, in any integer type, shape (n,)."""


def f1(truth: ClassCodes, prediction: ClassCodes, role: str | Role) -> float:
    """The F1 of one role: 2 TP / (2 TP + FP + FN), in [0, 1]; NaN if neither array contains the
    role.

    Feng and Narayanan (2021), section V-C. `truth` and `prediction` are codes in the order of
    `sordino.define.ROLES`, each (n,). A constant prediction of a frequent role has a high F1:
    compare with the role's prior.

    >>> f1(np.array([1, 1, 0, 2]), np.array([1, 0, 0, 1]), "required")
    0.5
    """
    same_length(truth=truth, prediction=prediction)
    code = role_code(role)
    actual, predicted = truth == code, prediction == code
    total = actual.sum() + predicted.sum()  # 2 TP + FP + FN
    return float(2 * (actual & predicted).sum() / total) if total else float("nan")


def unchanged(
    before: ClassCodes,
    after: ClassCodes,
    role: str | Role,
    truth: ClassCodes | None = None,
    among: Literal["predicted", "true_positives"] = "predicted",
) -> float:
    """U: the share of utterances predicted as `role` before and after release, in [0, 1].

    U = Σ 1[ŷ(x') = c] · 1[ŷ(x) = c] / Σ 1[ŷ(x) = c], Feng and Narayanan (2021) equation 4, with
    `before` = ŷ(x) and `after` = ŷ(x'), each (n,). The printed equation also rewards repeated
    errors of the risk model; `among="true_positives"` restricts both sums to `truth` = c, as in the
    paper's text. NaN if no row counts.

    >>> before, after = np.array([1, 1, 1, 0]), np.array([1, 1, 0, 1])
    >>> truth = np.array([1, 2, 1, 0])
    >>> round(unchanged(before, after, "required"), 3)
    0.667
    >>> unchanged(before, after, "required", truth, among="true_positives")
    0.5
    """
    same_length(before=before, after=after)
    code = role_code(role)
    counted = before == code
    if among == "true_positives":
        if truth is None:
            raise SordinoError(
                'among="true_positives" came without truth, expected the true roles: pass truth='
            )
        same_length(before=before, truth=truth)
        counted = counted & (truth == code)
    elif among != "predicted":
        raise SordinoError(
            f'among={among!r} came, expected "predicted" or "true_positives": choose one'
        )
    return float(np.mean(after[counted] == code)) if counted.any() else float("nan")


def uar(truth: ClassCodes, prediction: ClassCodes) -> float:
    """The unweighted average recall over the classes in `truth`, in [0, 1]; chance is 1 / classes.

    Jaiswal and Mower Provost (2020), section 5. Any class codes, each (n,); all classes have the
    same weight. NaN if `truth` has fewer than two classes. On the rows of the required role with
    intensities as classes, this is `detail` for a corpus that labels intensity.

    >>> uar(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])) == (2 / 3 + 1) / 2
    True
    """
    same_length(truth=truth, prediction=prediction)
    if truth.size and truth.min() < 0:
        raise SordinoError(
            f"class {truth.min()} came, expected codes from 0 up: drop the rows of unknown class "
            "first"
        )
    rows = np.bincount(truth)
    hits = np.bincount(truth[truth == prediction], minlength=rows.size)
    present = rows > 0
    if np.count_nonzero(present) < 2:
        return float("nan")
    return float(np.mean(hits[present] / rows[present]))


def uar_by_gender(
    truth: ClassCodes, prediction: ClassCodes, gender: ClassCodes
) -> dict[int, float]:
    """The UAR among each gender's rows, U(F) at 0 and U(M) at 1 (Jaiswal and Mower Provost 2020,
    table 1); each in [0, 1].

    All (n,); `gender` in the order of `sordino.define.GENDERS`, without rows of unknown gender
    (-1). Each UAR is over the classes in that gender's rows (see `uar`), so a gender that lacks a
    class has another chance level.

    >>> uar_by_gender(np.array([0, 1, 0, 1]), np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1]))
    {0: 1.0, 1: 0.5}
    """
    same_length(truth=truth, prediction=prediction, gender=gender)
    unknown = sorted({*gender.tolist()} - {-1, 0, 1})
    if unknown:
        raise SordinoError(
            f"gender {unknown[0]} came, expected 0, 1, or -1 for unknown: code it as GENDERS are"
        )
    return {
        code: uar(truth[gender == code], prediction[gender == code]) for code in range(len(GENDERS))
    }


def uar_difference(truth: ClassCodes, prediction: ClassCodes, gender: ClassCodes) -> float:
    """U(M) - U(F), in [-1, 1]: above 0 if a model is better for men, 0 if it is equally good.

    Jaiswal and Mower Provost (2020), question 5: does a release increase the difference? All (n,),
    see `uar_by_gender`. The sign avoids a kink at 0: intervals need `bounds=(-1, 1)`. NaN if either
    gender has fewer than two classes.

    >>> uar_difference(np.array([0, 1, 0, 1]), np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1]))
    -0.5
    """
    female, male = uar_by_gender(truth, prediction, gender).values()
    return male - female


def detail_r2(original: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]]) -> float:
    """R² of the original vectors from the released ones, over all dimensions, in (-inf, 1]; chance
    is 0.

    R² = 1 - Σ‖x - x̂‖² / Σ‖x - x̄‖², with `predicted` = x̂ from a regression on released features
    that was fitted on *other* speakers; both (n, d). Rows of the required role give `detail`. Below
    0 if x̂ is worse than the mean of these rows; NaN if all rows are equal. Intervals need
    `bounds=(-inf, 1)`.

    >>> detail_r2(np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 1.0]]))
    0.5
    """
    if original.shape != predicted.shape or original.ndim != 2:
        raise SordinoError(
            f"shapes {original.shape} and {predicted.shape} came, expected twice (n, d): align the "
            "rows"
        )
    if not len(original):
        return float("nan")
    total = float(np.sum((original - original.mean(axis=0)) ** 2))
    return 1 - float(np.sum((original - predicted) ** 2)) / total if total > 0 else float("nan")


def role_code(role: str | Role) -> int:
    """The code of a role. Raises `SordinoError` for an unknown name.

    >>> role_code("sensitive")
    2
    """
    if str(role) not in ROLES:
        raise SordinoError(
            f"role {role!r} came, expected one of {', '.join(ROLES)}: correct the name"
        )
    return ROLES.index(str(role))


def same_length(**columns: NDArray[Any]) -> None:
    """Raise `SordinoError` unless all arrays are (n,) with the same n."""
    shapes = [column.shape for column in columns.values()]
    if len(shapes[0]) != 1 or shapes.count(shapes[0]) != len(shapes):
        came = ", ".join(f"{name} {column.shape}" for name, column in columns.items())
        raise SordinoError(f"{came} came, expected (n,) with one n: align the rows")
