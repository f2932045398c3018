"""What centring on the running mean of a device gains and costs: utility, privacy, and the leak of
earlier utterances.

    python benchmarks/device/channel.py --features speech --corpus ravdess=data/ravdess \
        --corpus emodb=data/emodb

Each test speaker has a device that centres the speaker's utterances in random order
(`sordino.device.Channel`). `one device` is shared by all test speakers. Releases are fitted on the
other corpora (across), or on half of the speakers (within). All figures are means over policies;
`bound` is the largest upper limit of an AUC in any policy.

The last table: a device has heard `HISTORY` neutral or `HISTORY` sensitive utterances of its user,
then releases the user's other utterances. An attacker tells the two histories from one bin, and
from the share of passes of all bins of a user.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from sordino import parallel
from sordino.attack.retraining import READER
from sordino.attack.splits import crossfit
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora.split import every_fourth
from sordino.corpora.table import Corpus, sensitive_or_neutral
from sordino.define import Role
from sordino.device import Channel
from sordino.features import PreprocessFitter, extract
from sordino.metrics.bound import bound
from sordino.policy import Policy
from sordino.release import Drawn
from sordino.study import POLICIES, protocol
from sordino.study.adaptation.evaluation import GuessTables, folds_of_rows, mean_figures
from sordino.study.protocol import Fitters
from sordino.types import Rows, Vectors

HISTORY = 20
Side = tuple[Rows, Rows]
Spaces = Callable[[Vectors], Iterator[tuple[str, Vectors]]]


@dataclass(frozen=True)
class Scene:
    """Vectors, and the rows of fit and test of each side."""

    x: Vectors
    corpus: Corpus
    sides: list[Side]
    seed: int = 0

    def spaces(self, z: Vectors, test: Rows) -> Iterator[tuple[str, Vectors]]:
        """The vectors that the model of a device takes, by condition."""
        yield "as fitted", z
        yield "device of each speaker", self.centred(z, test, self.corpus.speaker)
        yield "one device", self.centred(z, test, np.zeros(len(z)))

    def centred(self, z: Vectors, test: Rows, owner: np.ndarray) -> Vectors:
        random, out = np.random.default_rng(self.seed), z.copy()
        for name in np.unique(owner[test]):
            channel = Channel()
            for row in random.permutation(test[owner[test] == name]):
                out[row] = channel.centre(z[row : row + 1], "benchmark")
        return out

    def measure(self, policy: Policy) -> tuple[pd.DataFrame, list[dict[str, object]]]:
        """Guesses by condition, and bounds and histories."""
        torch.set_num_threads(1)
        tables, guesses = GuessTables(self.corpus, policy), []
        bins: dict[str, Rows] = {}
        rows = np.concatenate([test for _, test in self.sides])
        histories = []
        for fit, test in self.sides:
            z = PreprocessFitter("zscore").fit(self.x[fit])(self.x)
            part = every_fourth(fit, self.corpus.column("emotion"))
            risk = Fitters().risk_model(policy, self.seed).fit(z, self.corpus, part)
            release = Fitters().release(policy, "drawn", self.seed).fit(z, self.corpus, part)
            assert isinstance(release, Drawn)
            for condition, space in self.spaces(z, test):
                out = release.draw(z, release.decide(space))
                before, after = (risk(v[test]).role.argmax(axis=1) for v in (space, out))
                guesses.append(tables.emotion(test, "drawn", condition, before, after))
                bins.setdefault(condition, np.zeros(len(z), np.intp))[test] = release.read(out)[
                    test
                ]
            histories.append(self.history(z, release, test, policy))
        plan = crossfit(folds_of_rows(self.corpus, rows, self.seed))
        lines: list[dict[str, object]] = []
        for condition, read in bins.items():
            one_hot = np.eye(2)[read]
            guesses.append(
                tables.secrets(one_hot, plan, "drawn", condition, ["linear"], READER, self.seed)
            )
            lines.append(self.bounds(condition, read, rows, policy))
        merged = {name: np.concatenate([h[name] for h in histories]) for name in histories[0]}
        lines.append(leak(merged) | {"policy": policy.required_name, "condition": "histories"})
        return pd.concat(guesses, ignore_index=True), lines

    def bounds(self, condition: str, bins: Rows, rows: Rows, policy: Policy) -> dict[str, object]:
        role = self.corpus.roles(policy)
        line: dict[str, object] = {"policy": policy.required_name, "condition": condition}
        secrets = {"gender": self.corpus.genders(), "sensitive": sensitive_or_neutral(role)}
        for name, secret in secrets.items():
            used = rows[secret[rows] >= 0]
            limit = bound(bins[used], secret[used], self.corpus.speaker[used], 2)
            line |= {f"bound {name}": limit.auc_high}
        passes = bins[rows] == bins[rows[role[rows] == Role.REQUIRED]].max()
        return line | {
            f"pass {part.name.lower()}": float(passes[role[rows] == part].mean()) for part in Role
        }

    def history(
        self, z: Vectors, release: Drawn, test: Rows, policy: Policy
    ) -> dict[str, np.ndarray]:
        """The bin of each measured row after either history, with its speaker."""
        role, random = self.corpus.roles(policy), np.random.default_rng(self.seed)
        columns: dict[str, list[np.ndarray]] = {"speaker": [], "neutral": [], "sensitive": []}
        for name in np.unique(self.corpus.speaker[test]):
            of_user = random.permutation(test[self.corpus.speaker[test] == name])
            past, measured = of_user[::2], of_user[1::2]
            for kind in (Role.NEUTRAL, Role.SENSITIVE):
                pool = past[role[past] == kind]
                channel = Channel()
                for row in random.choice(pool, HISTORY) if len(pool) else ():
                    channel.centre(z[row : row + 1], "benchmark")
                space = np.concatenate(
                    [channel.centre(z[row : row + 1], "benchmark") for row in measured]
                )
                columns[kind.name.lower()].append(release.decide(space))
            columns["speaker"].append(np.full(len(measured), name))
        return {name: np.concatenate(parts) for name, parts in columns.items()}


def leak(history: dict[str, np.ndarray]) -> dict[str, object]:
    """The AUC of telling the histories from one bin and from a user's share of passes."""
    kinds = ("neutral", "sensitive")
    one = np.concatenate([history[kind] for kind in kinds])
    truth = np.repeat([0, 1], len(one) // 2)
    shares = [
        pd.Series(history[kind]).groupby(history["speaker"]).mean().to_numpy() for kind in kinds
    ]
    users = np.repeat([0, 1], len(shares[0]))
    return {
        "history, one bin": roc_auc_score(truth, one),
        "history, all bins": roc_auc_score(users, np.concatenate(shares)),
        "changed bins": float(np.mean(history["neutral"] != history["sensitive"])),
    }


def main() -> None:
    """Print the tables of each direction."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--features", default="speech")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=parallel.count_workers())
    options = parser.parse_args()
    corpus = corpora_from(options.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    x = extract(options.features, corpus, CACHE, options.jobs)
    for direction, sides in directions(corpus, options.seed):
        scene = Scene(x, corpus, sides, options.seed)
        results = [*parallel.map(scene.measure, POLICIES, jobs=options.jobs, ordered=True)]
        guesses = pd.concat([table for table, _ in results], ignore_index=True)
        figures = {
            condition: {name: f"{estimate.value:.2f}" for name, estimate in row.items()}
            for (_, condition), row in mean_figures(guesses).items()
        }
        print(f"\n{options.features}, {direction}")
        print(pd.DataFrame(figures).T.to_string())
        lines = pd.DataFrame([line for _, found in results for line in found])
        print(lines.to_string(index=False, float_format="{:.2f}".format, na_rep=""), flush=True)


def directions(corpus: Corpus, seed: int) -> Iterator[tuple[str, list[Side]]]:
    """Fit on all other corpora, and within: on half of the speakers of all."""
    name, everything = corpus.column("corpus"), np.arange(len(corpus))
    for target in np.unique(name):
        yield f"across, to {target}", [(everything[name != target], everything[name == target])]
    half = folds_of_rows(corpus, everything, seed) % 2
    yield "within", [(everything[half != part], everything[half == part]) for part in (0, 1)]


if __name__ == "__main__":
    main()
