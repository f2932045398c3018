"""How to read a page: what the words and numbers mean, and what was not tested."""

from __future__ import annotations

from typing import Final

MEASURES: Final = (
    (
        "F1",
        "2 TP / (2 TP + FP + FN) of one role, as the risk model tells neutral, required and "
        "sensitive apart. High is "
        "useful for required, harmful for sensitive. Its chance is the role's share of the "
        "utterances.",
    ),
    (
        "U",
        "Unchanged: of the utterances that the risk model called by a role before the release, the "
        "share that it still "
        "calls so after (Feng 2021, equation 4). Its chance is how often it says that role of "
        "anything released.",
    ),
    (
        "U among true positives",
        "The same, counting only utterances that were called rightly before. Equation 4 as printed "
        "also rewards "
        "repeating the risk model's errors: keeping all true roles and mending its errors would "
        "lower U.",
    ),
    (
        "L",
        (
            "Leakage: accuracy of the risk model's gender head on what is released. Its chance is "
            "the larger gender's "
            "share."
        ),
    ),
    (
        "P",
        "Privacy: 1 − unweighted average recall of gender; chance 0.5. P above 0.5 is no extra "
        "privacy, since an "
        "attacker who is reliably wrong can be inverted: that is why min(P, 1 − P) stands beside "
        "it.",
    ),
    (
        "AUC",
        "Area under the ROC curve: how often the attacker ranks one of each kind rightly; 1 is "
        "perfect, 0.5 is chance. "
        "Unlike F1 it cannot be raised by guessing the larger class. Below 0.5 it is chance or an "
        "attacker misled.",
    ),
    (
        "sensitive against neutral",
        "The AUC of telling sensitive utterances from neutral ones. A release that turns the "
        "former into the latter is "
        "meant to make it 0.5: this is its direct test.",
    ),
    (
        "detail",
        "What survives inside the required emotion: how well its intensity can be told (unweighted "
        "average recall) "
        "where that is labelled, else how much of the original vector a regression gets back (R²). "
        "A price, not a "
        "danger.",
    ),
)
"""Every measure of a page."""

READING: Final = (
    (
        "ignorant attacker",
        "The papers' risk model: trained on original features of its own speakers, it never saw "
        "the release.",
    ),
    (
        "semi-informed attacker",
        "Has the release, since it ships in an app; runs it on its own labelled speakers and "
        "retrains. The figure is "
        "that of the family which did best in cross-validation on the attacker's own speakers, "
        "never on test "
        "speakers.",
    ),
    (
        "informed attacker",
        "Has the labelled speakers that the release was fitted on as well, and learns from them "
        "too.",
    ),
    (
        "patient attacker",
        "A semi-informed one who sees k utterances of one speaker, and pools its scores of them or "
        "learns from their "
        "mean vectors, whichever does better on its own speakers.",
    ),
    (
        "membership",
        "Whether a speaker was among those whom the release was fitted on, by an attacker who "
        "knows it of other "
        "speakers. On original features it tells what scaling and principal components alone "
        "remember of them.",
    ),
    (
        "who speaks",
        "Told by attackers who have labelled utterances of the very people: the AUC of claims "
        "“this is speaker A”, "
        "true ones against those of up to twenty others. Asked where a policy hides the speaker.",
    ),
    ("chance", "What a guess gets that ignores the utterance. Printed in grey."),
    ("original", "The same attack on features that were not changed: how much there was to hide."),
    (
        "[0.80, 0.90]",
        "95 % interval over speakers, since utterances of one speaker are alike. The interval "
        "covers the choice of "
        "test speakers, not of training speakers: other training speakers would move every figure "
        "a little more.",
    ),
    (
        "cannot tell",
        "Fewer than four speakers (of each gender, for gender): no interval can be given, whatever "
        "the value.",
    ),
)
"""The attackers and the numbers beside a value."""

UNTESTED: Final = (
    (
        "Not tested: attackers who read the fitted parameters themselves, who have much more data, "
        "and larger "
        "attackers than those listed; who the speaker is, unless it stands here; what was said; "
        "other languages, "
        "microphones and rooms. “No leak found” speaks of the attackers named here alone."
    ),
)
"""Paragraphs on what a page cannot say."""
