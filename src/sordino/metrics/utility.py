"""What a release keeps: F1 and U of the roles, unweighted average recall of each gender, and detail
inside a class.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sordino.define import GENDERS, ROLES, Role
from sordino.errors import SordinoError

Codes = NDArray[np.integer[Any]]
"""Class codes, 0 and up: (n,)."""


def f1(truth: Codes, prediction: Codes, role: str | Role) -> float:
    """The F1 of one role: 2 TP / (2 TP + FP + FN), in [0, 1]; NaN where neither array holds the
    role.

    Feng 2021, section V-C. `truth` and `prediction` are codes in the order of
    `sordino.define.Role`, each (n,). Guessing the role everywhere scores high where it is
    frequent: read it beside the role's prior.

    >>> f1(np.array([1, 1, 0, 2]), np.array([1, 0, 0, 1]), "required")
    0.5
    """
    same_length(truth=truth, prediction=prediction)
    code = role_code(role)
    actual, predicted = truth == code, prediction == code
    marked = actual.sum() + predicted.sum()  # 2 TP + FP + FN
    return float(2 * (actual & predicted).sum() / marked) if marked else float("nan")


def unchanged(
    before: Codes,
    after: Codes,
    role: str | Role,
    truth: Codes | None = None,
    among: Literal["predicted", "true_positives"] = "predicted",
) -> float:
    """U: the share of utterances predicted as `role` that still are after the release, in [0, 1].

    U = Σ 1[ŷ(x') = c] · 1[ŷ(x) = c] / Σ 1[ŷ(x) = c], Feng 2021 equation 4, with `before` = ŷ(x) and
    `after` = ŷ(x'), each (n,). As printed it also rewards repeating the risk model's errors;
    `among="true_positives"` asks for `truth` = c in both sums as well, which is what the paper's
    text says. NaN where no row counts.

    >>> before, after, truth = np.array([1, 1, 1, 0]), np.array([1, 1, 0, 1]), np.array([1, 2, 1, 0])
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


def uar(truth: Codes, prediction: Codes) -> float:
    """The unweighted average recall over the classes that `truth` holds, in [0, 1]; chance is 1 /
    classes.

    Jaiswal 2020, section 5. Any class codes, each (n,); no class counts more for being frequent.
    NaN where `truth` has fewer than two classes. On the rows of the required role with intensities
    as classes, this is `detail` for a corpus that labels intensity.

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


def uar_by_gender(truth: Codes, prediction: Codes, gender: Codes) -> dict[int, float]:
    """The UAR among each gender's rows, U(F) at 0 and U(M) at 1 (Jaiswal 2020, table 1); each in
    [0, 1].

    All (n,); `gender` in the order of `sordino.define.GENDERS`, rows of unknown gender (-1) count
    for neither. Each is over the classes that the gender's own rows hold (see `uar`), so a gender
    that lacks one has another chance level.

    >>> uar_by_gender(np.array([0, 1, 0, 1]), np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1]))
    {0: 1.0, 1: 0.5}
    """
    same_length(truth=truth, prediction=prediction, gender=gender)
    other = sorted({*gender.tolist()} - {-1, 0, 1})
    if other:
        raise SordinoError(
            f"gender {other[0]} came, expected 0, 1, or -1 for unknown: code it as GENDERS are"
        )
    return {
        code: uar(truth[gender == code], prediction[gender == code]) for code in range(len(GENDERS))
    }


def uar_difference(truth: Codes, prediction: Codes, gender: Codes) -> float:
    """U(M) - U(F), in [-1, 1]: how much better a model serves men; 0 if it serves both alike.

    Jaiswal 2020, question 5, asks whether a release makes it larger either way. All (n,), see
    `uar_by_gender`. With its sign it has no kink at 0: its interval wants `bounds=(-1, 1)`. NaN
    where either gender has fewer than two classes.

    >>> uar_difference(np.array([0, 1, 0, 1]), np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1]))
    -0.5
    """
    female, male = uar_by_gender(truth, prediction, gender).values()
    return male - female


def detail_r2(original: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]]) -> float:
    """R² of the original vectors from the released ones, all dimensions together, in (-inf, 1];
    chance is 0.

    R² = 1 - Σ‖x - x̂‖² / Σ‖x - x̄‖², with `predicted` = x̂ what a regression fitted on *other*
    speakers makes of the released features; both (n, d). Give the rows of the required role only:
    what survives inside it is `detail`. Below 0 when x̂ is worse than the mean of these rows; NaN
    where all rows are the same. Its interval wants `bounds=(-inf, 1)`.

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
    """The code of a role, by its name or itself. Raises `SordinoError` for another name.

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
