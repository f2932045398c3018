"""What a user agrees to share: the policy, its file, and its meaning in words."""

from sordino.policy.budget import Budget
from sordino.policy.file import read
from sordino.policy.hidden import (
    ATTRIBUTES,
    LEVEL_COLUMN,
    HiddenColumn,
    hidden_columns,
    is_column,
    number_text,
)
from sordino.policy.policy import (
    KEPT_LEVELS,
    MOST_REQUIRED,
    MOST_SENSITIVE,
    REST,
    Knobs,
    Policy,
    from_dict,
)
from sordino.policy.words import explain

__all__ = [
    "ATTRIBUTES",
    "KEPT_LEVELS",
    "LEVEL_COLUMN",
    "MOST_REQUIRED",
    "MOST_SENSITIVE",
    "REST",
    "Budget",
    "HiddenColumn",
    "Knobs",
    "Policy",
    "explain",
    "from_dict",
    "hidden_columns",
    "is_column",
    "number_text",
    "read",
]
