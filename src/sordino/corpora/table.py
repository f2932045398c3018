"""The table of a corpus: one row per utterance."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino import define
from sordino.corpora import hidden, labels
from sordino.define import GENDERS, ROLES, Role
from sordino.errors import CorpusError
from sordino.policy import Policy
from sordino.progress import track
from sordino.storage import as_storage_error

UTTERANCE_COLUMNS: Final = {
    "file": "path of the recording",
    "start": "seconds in the file where the utterance begins; 0 when it is the whole file",
    "end": "seconds where it ends; NaN means the end of the file",
    "speaker": "`corpus/id`, since two corpora may both have a speaker 03",
    "gender": "female, male, or empty when unknown or other",
    "emotion": "canonical name (`sordino.define.EMOTIONS`)",
    "intensity": "normal, strong, ... or empty",
    "transcript": "the words, or empty",
    "corpus": "name of the corpus",
    "session": "group of speakers who are audible in each other's recordings, or empty",
}
"""The columns of every corpus, in this order."""

NUMBERS: Final = ("age", "activation", "valence", "scale")
"""Columns of numbers that some corpora have, NaN where unknown. `activation` (calm to excited) and
`valence` (negative to positive) are means over listeners on a Likert scale from 1 to `scale`
points.
"""

OPTIONAL: Final = (*NUMBERS, "sentiment")
"""Columns that some corpora have: numbers, and the `sentiment` of a text (`negative`, `neutral`,
`positive`, empty).
"""

TABLES: Final = (".csv",)
"""Suffixes of a corpus of text: its utterances have no recording, and `file` is their table."""


def sensitive_or_neutral(role: NDArray[np.intp]) -> NDArray[np.intp]:
    """1 for sensitive roles, 0 for neutral ones, and -1 for the required one, which has no value of
    this secret.
    """
    secret: NDArray[np.intp] = np.where(role == Role.REQUIRED, -1, role == Role.SENSITIVE)
    return secret


@dataclass(frozen=True)
class Corpus:
    """A table of utterances with rows numbered 0, 1, ... Every row has a speaker and a file.

    `name` joins the names of its parts by `+`, in their order.
    """

    name: str
    table: pd.DataFrame
    notes: tuple[str, ...] = ()
    """Notes on the labels for the user, one sentence each."""

    def __post_init__(self) -> None:
        missing = [column for column in UTTERANCE_COLUMNS if column not in self.table.columns]
        if missing:
            raise CorpusError(
                f"{self.name}: no column {', '.join(missing)}: build the table with `table.make`"
            )
        if not len(self.table):
            raise CorpusError(
                f"{self.name}: no utterances, expected at least one: check the path and the layout"
            )
        genders = self.table[self.table["gender"] != ""].groupby("speaker")["gender"].nunique()
        if (genders > 1).any():
            count = int((genders > 1).sum())
            raise CorpusError(
                f"{self.name}: {count} speaker(s) with two genders, expected one each: correct the "
                "labels"
            )

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> NDArray[np.str_]:
        """A text column as an array of shape `(utterances,)`."""
        return self.table[name].to_numpy(dtype=str)

    @property
    def speaker(self) -> NDArray[np.str_]:
        return self.column("speaker")

    def select(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Corpus:
        """The corpus of these rows (a mask or positions), numbered again from 0."""
        table = self.table.loc[rows] if rows.dtype == bool else self.table.iloc[rows]
        return Corpus(self.name, table.reset_index(drop=True), self.notes)

    def with_emotions(self, emotions: Iterable[str]) -> Corpus:
        """The utterances with one of these emotions. Raises `CorpusError` where there is none."""
        names = list(emotions)
        mask = self.table["emotion"].isin(names).to_numpy()
        if not mask.any():
            raise CorpusError(
                f"{self.name}: no utterance has an emotion of {', '.join(names)}: check the labels"
            )
        return self.select(mask)

    def with_every_emotion(self, emotions: Sequence[str]) -> Corpus:
        """The utterances with one of these emotions, for a study that needs them all.

        Raises `CorpusError` if the corpus lacks one of the emotions or one gender altogether.
        """
        absent = [emotion for emotion in emotions if emotion not in set(self.table["emotion"])]
        if absent:
            *first, last = absent
            names = f"{', '.join(first)} or {last}" if first else last
            raise CorpusError(
                f"{self.name}: no {names} utterance, expected {', '.join(emotions)}: complete the "
                "copy, or add a corpus with the absent emotions"
            )
        utterances = self.with_emotions(emotions)
        genders = sorted(set(utterances.table["gender"]) - {""})
        if len(genders) < 2:
            raise CorpusError(
                f"{self.name}: all speakers of gender {', '.join(genders) or 'unknown'}, expected "
                "female and male: add speakers of the other gender"
            )
        return utterances

    def roles(self, policy: Policy) -> NDArray[np.intp]:
        """The true role of each utterance as its code in `Role`, shape `(utterances,)`."""
        return np.array([policy.role(label) for label in self.table["emotion"]], dtype=np.intp)

    def classes(self, policy: Policy) -> NDArray[np.intp]:
        """The class of each utterance, `(utterances,)`: its role, and for the second and further
        required emotions 3, 4, ... (`sordino.define.role_classes`).
        """
        code = {label: len(Role) + n for n, label in enumerate(policy.required_emotions[1:])}
        return np.array(
            [code.get(label, policy.role(label)) for label in self.table["emotion"]], np.intp
        )

    def against_neutral(self, policy: Policy, emotion: str) -> NDArray[np.intp]:
        """1 for utterances of an emotion, 0 for neutral ones, -1 for others, `(utterances,)`."""
        label = self.column("emotion")
        return np.where(label == policy.neutral, 0, np.where(label == emotion, 1, -1))

    def genders(self) -> NDArray[np.intp]:
        """The gender of each speaker as its position in `GENDERS`, -1 where unknown, shape
        `(utterances,)`.
        """
        codes = {str(gender): code for code, gender in enumerate(GENDERS)}
        return np.array([codes.get(label, -1) for label in self.table["gender"]], dtype=np.intp)

    def older(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """1 for speakers older than the median of those in `rows`, 0 for others, -1 where unknown,
        `(utterances,)`.

        The age of a speaker is the mean over their utterances (`sordino.corpora.hidden.older`).
        """
        return hidden.older(self.table, rows)

    def attributes(self, policy: Policy, rows: NDArray[np.intp]) -> dict[str, NDArray[np.intp]]:
        """The secrets of age and of the columns that a policy hides, by name: 1, 0 or -1 where
        unknown, `(utterances,)`; medians are those of `rows`.

        Raises `PolicyError` for a column that the corpus lacks, or one with too many values.
        """
        return hidden.attribute_secrets(self.table, policy, rows)

    def secrets(
        self, policy: Policy, rows: NDArray[np.intp]
    ) -> dict[tuple[str, str], NDArray[np.intp]]:
        """The secrets that have a bound, 0, 1 or -1 for unknown, `(rows,)`, by name and side
        information.

        The side information is empty, for gender and hidden columns also the true role, or for an
        emotion the gender. Of several required emotions, each is a further side information: their
        role alone averages over them. Age is included where the policy hides it; speakers are older
        than the median of these rows.
        """
        role, gender = self.roles(policy)[rows], self.genders()[rows]
        known = {name: role == code for code, name in enumerate(ROLES)}
        if len(policy.required_emotions) > 1:
            label = self.column("emotion")[rows]
            known |= {
                f"required {name}" if name in ROLES else name: label == name
                for name in policy.required_emotions
            }
        codes = {("gender", ""): gender}
        codes |= {("gender", name): np.where(mask, gender, -1) for name, mask in known.items()}
        emotions = {"sensitive-vs-neutral": sensitive_or_neutral(role)} | {
            target: self.against_neutral(policy, emotion)[rows]
            for target, emotion in policy.emotion_targets.items()
        }
        codes |= {(target, ""): values for target, values in emotions.items()}
        codes |= {
            (target, name): np.where(gender == code, values, -1)
            for target, values in emotions.items()
            for code, name in enumerate(GENDERS)
        }
        for target, all_values in self.attributes(policy, rows).items():
            values = all_values[rows]
            codes[(target, "")] = values
            if "=" in target:
                codes |= {
                    (target, name): np.where(mask, values, -1) for name, mask in known.items()
                }
        return codes

    def recorded(self) -> NDArray[np.bool_]:
        """Whether each utterance has a recording, and not only words, shape `(utterances,)`."""
        return ~self.table["file"].str.lower().str.endswith(TABLES).to_numpy(dtype=bool)

    def checksums(self) -> NDArray[np.str_]:
        """SHA-256 of the recording of each utterance, shape `(utterances,)`; for a part of a file,
        its start and end are appended.

        For rows of text, which have no recording, another SHA-256 of speaker and words is appended.
        So the same words of one speaker are duplicates, and those of two speakers are not. Raises
        `StorageError` for an unreadable file.
        """
        of_file: dict[str, str] = {}
        files = self.table["file"].unique()
        for file in track(files, "checksums", len(files)):
            with as_storage_error(file), Path(file).open("rb") as stream:
                of_file[file] = hashlib.file_digest(stream, "sha256").hexdigest()
        cuts = zip(self.table["file"], self.table["start"], self.table["end"], strict=True)
        sums = [
            of_file[f] if s == 0 and np.isnan(e) else f"{of_file[f]}[{s}:{e}]" for f, s, e in cuts
        ]
        words = self.table["speaker"] + "\n" + self.table["transcript"]
        for row in np.flatnonzero(~self.recorded()):
            sums[row] += f"[{hashlib.sha256(words[row].encode()).hexdigest()}]"
        return np.array(sums)


def make(name: str, rows: pd.DataFrame, further: Sequence[str] = ()) -> Corpus:
    """A corpus from rows with at least `file` and `speaker`; other columns default to unknown.

    `further` are columns of labels beside those of every corpus, which a policy may hide; they stay
    as text. All other columns are left out.

    The name of the corpus becomes a prefix of every speaker. The order of the rows stays. Genders
    are read by `define.gender`; unknown ones become empty and are counted by name in
    `Corpus.notes`.
    Raises `CorpusError` for a row without file or speaker, and for labels that are neither text nor
    numbers.
    """
    table = rows.reset_index(drop=True).copy()
    for column in ("file", "speaker"):
        if column in table.columns:
            written, missing = labels.texts(f"{name}: column {column}", table[column], CorpusError)
            if missing.any():
                raise CorpusError(
                    f"{name}: {int(missing.sum())} row(s) without {column}, expected one each: "
                    "fill it in"
                )
            table[column] = written
    notes: list[str] = []
    if "gender" in table.columns:
        table["gender"], notes = _canonical_genders(name, table["gender"])
    unknown: dict[str, float | str] = {"start": 0.0, "end": np.nan, "corpus": name}
    for column in UTTERANCE_COLUMNS:
        if column not in table.columns:
            table[column] = unknown.get(column, "")
    for column in UTTERANCE_COLUMNS:
        table[column] = table[column].astype(float if column in ("start", "end") else str)
    table["speaker"] = table["corpus"] + "/" + table["speaker"]
    sessions = table["session"] != ""
    table.loc[sessions, "session"] = table["corpus"] + "/" + table["session"]
    present = [column for column in OPTIONAL if column in table.columns]
    for column in present:
        table[column] = table[column].astype(float if column in NUMBERS else str)
    for column in further:
        written, _ = labels.texts(f"{name}: column {column}", table[column], CorpusError)
        table[column] = [text.strip() for text in written]
    return Corpus(name, table[[*UTTERANCE_COLUMNS, *present, *further]], tuple(notes))


def _canonical_genders(name: str, column: pd.Series) -> tuple[NDArray[np.object_], list[str]]:
    """The canonical gender of each row, and a sentence on the rows without one."""
    written, missing = labels.texts(f"{name}: column gender", column, CorpusError)
    canonical = {
        label: define.gender(labels.fold(label)) for label in set(written[~missing].tolist())
    }
    genders = np.array([canonical.get(label, "") for label in written.tolist()], dtype=object)
    genders[missing] = ""
    counts = Counter(label for label in written[~missing].tolist() if not canonical[label])
    if missing.any():
        counts[""] = int(missing.sum())
    if not counts:
        return genders, []
    examples = ", ".join(
        f"{count:,} {labels.quote(label) if label else 'empty'}"
        for label, count in counts.most_common(5)
    )
    suffix = f", and {len(counts) - 5} more labels" if len(counts) > 5 else ""
    return genders, [
        f"{name}: {counts.total():,} of {len(genders):,} utterances are neither female nor male "
        f"({examples}{suffix}): they are used for emotion, not for gender."
    ]


def join(corpora: Sequence[Corpus]) -> Corpus:
    """Several corpora as one, in this order.

    Raises `CorpusError` where two of them have rows with the same corpus name, since their speakers
    would be confused.
    """
    if not corpora:
        raise CorpusError("no corpus to join, expected at least one: name one")
    names = [name for corpus in corpora for name in corpus.table["corpus"].unique()]
    duplicate = sorted({name for name in names if names.count(name) > 1})
    if duplicate:
        raise CorpusError(
            f"corpus {', '.join(duplicate)} comes twice, expected different names: rename one of "
            "them"
        )
    table = pd.concat([corpus.table for corpus in corpora], ignore_index=True)
    texts = table.select_dtypes(exclude="number").columns
    table[texts] = table[texts].fillna("")
    notes = tuple(note for corpus in corpora for note in corpus.notes)
    return Corpus("+".join(corpus.name for corpus in corpora), table, notes)


def plain_labels(table: pd.DataFrame) -> pd.DataFrame:
    """The table of a corpus with speakers and sessions as before `make`, without `corpus/`."""
    return table.assign(
        **{
            column: [
                label.removeprefix(f"{name}/")
                for label, name in zip(table[column], table["corpus"], strict=True)
            ]
            for column in ("speaker", "session")
        }
    )


def require_sound(corpus: Corpus) -> None:
    """Raise `CorpusError` for rows of text, which have no recording."""
    if not corpus.recorded().all():
        raise CorpusError(
            f"{corpus.name}: has rows of text without a recording, expected sound: leave them out"
        )


def duplicates(sums: NDArray[np.str_]) -> list[NDArray[np.intp]]:
    """Groups of rows whose recordings are byte-identical, from `Corpus.checksums`."""
    _, code, count = np.unique(sums, return_inverse=True, return_counts=True)
    return [np.flatnonzero(code == group) for group in np.flatnonzero(count > 1)]
