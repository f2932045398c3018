"""Definitions of the terms of a page, and the limits of its statements.

The anchor of each term is its anchor in `docs/glossary.md`, which also lists the sources.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sordino.report.page import Definitions, Section, Term, Text

_F1: Final = Term(
    "F1",
    "2 TP / (2 TP + FP + FN) of one role, as predicted by the risk model. A high value is useful "
    "for the required role and harmful for the sensitive role. Chance is the share of the role.",
    "f1",
)
_U: Final = Term(
    "U",
    "Unchanged. Among the utterances with one predicted role before release, the share with the "
    "same prediction after release (Feng and Narayanan 2021, equation 4). Chance is the share of "
    "this prediction among all released utterances.",
    "u",
)
_UT: Final = Term(
    "U among true positives",
    "U among the utterances with a correct prediction before release. U also rewards repeated "
    "errors of the risk model; this measure does not.",
    "ut",
)
_LEAKAGE: Final = Term(
    "L",
    "Leakage: accuracy of the gender head of the risk model on released vectors. Chance is the "
    "share of the more frequent gender.",
    "l",
)
_PRIVACY: Final = Term(
    "P",
    "Privacy: 1 − UAR of an attacker on gender. Chance is 0.5. A value above 0.5 is not better, "
    "because the predictions of such an attacker can be inverted. min(P, 1 − P) takes this into "
    "account.",
    "p",
)
_VECTOR_PRIVACY: Final = Term(
    "P",
    "Privacy: 1 − UAR of an attacker. Chance is 1 − 1/C for C classes. A value above chance is not "
    "better, because the predictions of such an attacker can be inverted.",
    "p",
)
_AUC: Final = Term(
    "AUC",
    "Area under the ROC curve: the probability that an utterance of one class scores higher than "
    "an utterance of the other class. Chance is 0.5, and 1 is perfect. Class frequencies do not "
    "affect it. An AUC below 0.5 is chance, or an attacker that is misled.",
    "auc",
)
_UAR: Final = Term(
    "UAR",
    "Unweighted average recall: the mean of the recalls of all classes. Chance is 1 divided by "
    "the number of classes.",
    "uar",
)
_DISTINGUISH: Final = Term(
    "sensitive against neutral",
    "AUC of an attacker that distinguishes sensitive from neutral utterances. A release is meant "
    "to bring it to 0.5.",
    "distinguish",
)
_DETAIL: Final = Term(
    "detail",
    "Differences inside the required emotion that remain: the UAR of its intensity if the corpus "
    "labels it, else the explained variance R² of the original vector. Detail measures utility, "
    "not risk.",
    "detail",
)
_IGNORANT: Final = Term(
    "ignorant attacker",
    "An attacker that is trained on original features and never saw released vectors. It is the "
    "risk model of the papers.",
    "ignorant-attacker",
)
_RETRAINED: Final = Term(
    "retrained attacker",
    "Semi-informed attacker. It applies the release to labelled speakers of its own and retrains. "
    "Its figure is that of the attacker family with the best cross-validation on the attacker's "
    "own speakers. Test speakers never take part in this selection.",
    "semi-informed-attacker",
)
_INFORMED: Final = Term(
    "informed attacker",
    "A retrained attacker that also has the labelled speakers on which the release was fitted.",
    "informed-attacker",
)
_PATIENT: Final = Term(
    "patient attacker",
    "A retrained attacker with k utterances of one speaker. It averages the scores or the vectors "
    "of these utterances, whichever performs better on the attacker's own speakers.",
    "patient-attacker",
)
_MEMBERSHIP: Final = Term(
    "membership inference",
    "Inferring if a speaker took part in the fit of a release. The attacker knows the membership "
    "of other speakers. On original features, the figure measures the information in a scaled "
    "space that is fitted.",
    "membership-inference",
)
_IDENTITY: Final = Term(
    "speaker identity",
    "Re-identification by an attacker with labelled utterances of the tested speakers. The AUC "
    "compares true claims of identity with claims for up to twenty other speakers. It is measured "
    "if a policy hides the speaker.",
    "re-identification",
)
_CHANCE: Final = Term(
    "chance",
    "The value of a metric for an attacker that ignores the utterance. It is printed in grey.",
    "chance",
)
_REFERENCE: Final = Term(
    "original",
    "Reference: the same attack on unprotected vectors. It shows how much information there was "
    "to hide.",
    "reference",
)
_INTERVAL: Final = Term(
    "95 % interval",
    "A 95 % confidence interval over test speakers. It does not include the variation from other "
    "training speakers, so the total uncertainty is a little larger.",
    "interval",
)
_VERDICT: Final = Term(
    "verdict",
    "“Leak”: the interval lies above chance. “No leak found”: it does not; this is no proof of "
    "privacy. “Cannot tell”: there are fewer than four speakers (of each gender, for gender), and "
    "there is no interval.",
    "verdict",
)
_TEST: Final = Term(
    "verdict",
    "The result of a permutation test over speakers. “Leak”: the best attacker scores higher than "
    "in all but 5 % of the shuffles of the secret. “No leak found”: it does not; this is no proof "
    "of privacy. “Cannot tell”: there are too few speakers for a useful test; this does not mean "
    "private.",
    "verdict",
)
_POWER: Final = Term(
    "power",
    "The share of tables with a planted leak of known size in which this audit would report the "
    "leak. It matters for “no leak found” alone.",
    "power",
)
_ADVANTAGE: Final = Term(
    "advantage",
    "(UAR − 1/C) / (1 − 1/C) for C classes: 0 is chance, and 1 means that all predictions are "
    "correct.",
    "advantage",
)
_TPR: Final = Term(
    "TPR at FPR 0.01",
    "True-positive rate at a false-positive rate of 1 %: the share of one class that an attacker "
    "recovers with few false alarms.",
    "tpr",
)
_BITS: Final = Term(
    "bits",
    "Usable information of one utterance: the entropy of the secret minus the cross-entropy of a "
    "calibrated attacker. A negative value means that the attacker is misled.",
    "bits",
)
_EER: Final = Term(
    "equal error rate",
    "The error of speaker verification at the threshold with equal rates of false acceptance and "
    "false rejection. Chance is 0.5.",
    "eer",
)
_SINGLING_OUT: Final = Term(
    "singling out",
    "The probability that a predicate of one known speaker, a score above a threshold, holds for "
    "exactly one of N utterances of N speakers. The threshold is placed on other utterances, so "
    "that it holds for one in N. A random predicate of this kind reaches 0.37.",
    "singling-out",
)
_LINKABILITY: Final = Term(
    "linkability",
    "The probability that an utterance scores highest for its own speaker among N candidates. "
    "Chance is 1/N.",
    "linkability",
)
_RANK_BITS: Final = Term(
    "rank disclosure",
    "Bits on the identity of a speaker in the rank of the true speaker: log2 of the number of "
    "speakers minus the entropy of the rank. Chance is 0.",
    "rank-disclosure",
)
_RECONSTRUCTION: Final = Term(
    "reconstruction",
    "Recovering the original vector from the released vector. R² is the explained share of its "
    "variance.",
    "reconstruction",
)
_ERROR: Final = Term(
    "error",
    "Mean absolute difference between the estimated and the true share of the required emotion "
    "over days. Chance is the error without any data.",
    "tracking-error",
)
_COVERAGE: Final = Term(
    "coverage",
    "The share of days with the true share inside its 95 % limits. It is .95 for limits of the "
    "right width.",
    "coverage",
)
_WIDTH: Final = Term(
    "width",
    "The mean distance between the 95 % limits of a share. Limits without any knowledge have a "
    "width of .95.",
    "width",
)
RELEASE_TERMS: Final = (
    _IGNORANT,
    _RETRAINED,
    _INFORMED,
    _PATIENT,
    _MEMBERSHIP,
    _IDENTITY,
    _F1,
    _U,
    _UT,
    _LEAKAGE,
    _PRIVACY,
    _AUC,
    _UAR,
    _DISTINGUISH,
    _DETAIL,
    _CHANCE,
    _REFERENCE,
    _INTERVAL,
    _VERDICT,
)
"""The terms of a page on releases."""

TRACKING_TERMS: Final = (_ERROR, _COVERAGE, _WIDTH, _AUC, _CHANCE, _REFERENCE, _INTERVAL)
"""The terms of a page on shares over days."""

VECTOR_TERMS: Final = (
    _TEST,
    _POWER,
    _IGNORANT,
    _RETRAINED,
    _PATIENT,
    _AUC,
    _UAR,
    _VECTOR_PRIVACY,
    _ADVANTAGE,
    _TPR,
    _BITS,
    _EER,
    _LINKABILITY,
    _SINGLING_OUT,
    _RANK_BITS,
    _RECONSTRUCTION,
    _CHANCE,
    _REFERENCE,
    _INTERVAL,
)
"""The terms of a page on vectors."""

_MANUAL: Final = (
    "The manual defines all terms under the same names and lists their sources: see "
    "`docs/glossary.md`."
)
_UNTESTED: Final = (
    "Not tested: attackers that read the fitted parameters, attackers with much more data, and "
    "attackers larger than those listed. Speaker identity is not tested unless it appears above. "
    "Spoken content, other languages, other microphones and other rooms are not tested. “No leak "
    "found” refers to the listed attackers only."
)


def section(terms: Iterable[Term] = RELEASE_TERMS, notes: Iterable[str] = (_UNTESTED,)) -> Section:
    """The glossary of a page, followed by paragraphs."""
    return Section("Glossary", [Text(_MANUAL), Definitions(tuple(terms)), *map(Text, notes)])
