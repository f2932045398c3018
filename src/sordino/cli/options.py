"""The options that verbs share. An option has the same meaning in every verb.

A verb takes them as `def extract(corpus: CorpusOption, out: OutOption, jobs: JobsOption = CORES,
json: JsonOption = None) -> None`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from sordino.cli.output import warn
from sordino.errors import CorpusError, PluginError, PolicyError, StorageError
from sordino.storage import Location, Remote, location, on_this_machine, writable_location

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from sordino.corpora.table import Corpus
    from sordino.policy import Policy
    from sordino.study import Options

AUTOMATIC: Final = "auto"
"""The default of `--features` for products: `sordino.signal.feature_sets.AUTOMATIC`."""

CORES: Final = 0
"""The default of `--jobs`: one process per core."""


def user_folder(variable: str, default: str) -> Path:
    """The folder in an environment variable, or the default. The default keeps its `~` if the home
    folder is unknown.
    """
    try:
        return Path(os.environ.get(variable) or Path(default).expanduser())
    except RuntimeError:
        return Path(default)


CACHE: Final = user_folder("XDG_CACHE_HOME", "~/.cache") / "sordino"
"""The default of `--cache`."""

STATE: Final = user_folder("XDG_STATE_HOME", "~/.local/state") / "sordino"
"""The folder with the persistent state of a device: the daily count and the key of random draws.

Call `STATE.expanduser()` before use; it raises `RuntimeError` if the home folder is unknown.
"""


def use_cluster(context: typer.Context, address: str | None) -> str | None:
    """Compute on a cluster until the verb ends; its address and its workers are printed."""
    if address and not context.resilient_parsing:
        from sordino import parallel

        cluster = context.with_resource(parallel.use(address))
        typer.echo(str(cluster), err=True)
    return address


def use_device(context: typer.Context, device: str) -> str:
    """Compute on a device until the verb ends; `auto` is decided where something is computed."""
    if device != "auto" and not context.resilient_parsing:
        from sordino.parallel.compute_device import compute_on

        context.with_resource(compute_on(device))
    return device


def local_path(text: str) -> Path:
    """The path of an option that takes no URL. Raises `StorageError` for a URL."""
    return on_this_machine(text, "this option")


def output_location(text: str) -> Location:
    """The file or folder of an output (`writable_location`). Raises `StorageError` also for the
    memory of this process, which ends with the command.
    """
    path = writable_location(text)
    if isinstance(path, Remote) and path.scheme == "memory":
        raise StorageError(
            f"{path}: lost when the command ends, expected a path or a URL such as "
            "s3://bucket/results: choose one"
        )
    return path


def check_json(text: str | None) -> str | None:
    """The value of `--json`. Raises `StorageError` as `output_location` does."""
    if text is not None:
        output_location(text)
    return text


OutOption = Annotated[
    Location,
    typer.Option(
        "--out",
        metavar="PATH",
        parser=output_location,
        help="Folder of the results; created if absent. Or a URL (extra storage), as "
        "s3://bucket/results.",
    ),
]
TableOutOption = Annotated[
    Location,
    typer.Option(
        "--out",
        metavar="PATH",
        parser=output_location,
        help="Table to write (.parquet, .csv or .npz); an existing one is replaced. With --shards "
        "a folder (.shards).",
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="The same seed gives the same result.")
]
JobsOption = Annotated[
    int, typer.Option("--jobs", min=0, help="Number of parallel processes; 0: one per core.")
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(
        "--device",
        callback=use_device,
        help="Where networks are trained, and encoders and kernel attackers computed; auto: on a "
        "CUDA GPU if there is one.",
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        envvar="SORDINO_CLUSTER",
        callback=use_cluster,
        help="Compute on a Dask cluster that you trust (extra cluster): the address of its "
        "scheduler, or local:N for N workers of this machine. --jobs 1 does not use it.",
    ),
]
JsonOption = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE",
        callback=check_json,
        help="Also write the result as JSON; -: standard output.",
    ),
]
LatexOption = Annotated[
    bool, typer.Option("--latex", help="Write the tables to table.tex too, as LaTeX (booktabs).")
]
CacheOption = Annotated[
    Location,
    typer.Option(
        "--cache",
        metavar="PATH",
        parser=writable_location,
        help="Folder or URL of computed features for later runs.",
        show_default="~/.cache/sordino",
    ),
]
BundleArgument = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A folder, or a file that ends in .sordino.")
]
HostOption = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Address; beyond 127.0.0.1 it needs TLS.")
]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port; 0 chooses a free one.")
]
PolicyNameOption = Annotated[
    str | None,
    typer.Option(
        "--policy-name",
        metavar="NAME",
        help="Policy of the bundle; required if the bundle has several.",
    ),
]
ReleasesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--release",
        metavar="NAME",
        help="Evaluate only this release; repeatable. MODULE:FITTER is one of your own; peers are "
        "other people's: aibt and chimera (extra peers), learned-noise, mcadams, leace.",
    ),
]
FEATURES_HELP: Final = (
    "auto (speech where its extra is installed, else mel), mel, speech, speech-tiny, speech+mel, "
    "voice-print (extra reid), IS13, ComParE_2016, eGeMAPSv02, speech:FOLDER@LAYER of a local "
    "model,"
)
FeaturesOption = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="SET",
        help=f"{FEATURES_HELP} MODULE:NAME of your own, or a table of vectors: FILE.parquet.",
    ),
]
FeatureSetOption = Annotated[
    str,
    typer.Option("--features", metavar="SET", help=f"{FEATURES_HELP} or MODULE:NAME of your own."),
]
EncoderOption = Annotated[
    Path | None,
    typer.Option(
        "--encoder",
        metavar="FILE",
        help="Read the weights of speech or speech-tiny there and not in packages: the same model "
        "as a file of CTranslate2, or as model.safetensors or its folder.",
    ),
]
AttackersOption = Annotated[
    Literal["quick", "full"],
    typer.Option(
        "--attackers",
        "--audit",
        help="full adds support vector machines, forests, boosting and networks; it is slow.",
    ),
]
CorpusOption = Annotated[
    list[str],
    typer.Option(
        "--corpus",
        metavar="NAME=PATH",
        help="A corpus and its folder; repeatable. manifest=FILE.csv reads any other recordings.",
    ),
]
CONDITIONS_HELP: Final = (
    "standard: fit also on copies of the recordings in noise, rooms and channels; none: on the "
    "recordings alone."
)
ConditionsOption = Annotated[
    Literal["none", "standard"] | None,
    typer.Option(
        "--conditions",
        help=CONDITIONS_HELP,
        show_default="standard; none for a table of vectors",
    ),
]
NoiseOption = Annotated[
    Path | None,
    typer.Option("--noise", metavar="DIR", help="Folder with recordings of noise, without speech."),
]

PublicOption = Annotated[
    list[str] | None,
    typer.Option(
        "--public",
        metavar="NAME=PATH",
        help="Recordings of other people that decide scaling and principal components, for "
        "features without a scaled space of synthetic speech; repeatable.",
    ),
]

AttackerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attacker",
        metavar="MODULE:CLASS",
        help="Add an attacker of your own, a classifier of scikit-learn's kind; repeatable.",
    ),
]


def attacker_families(attackers: str) -> tuple[str, ...]:
    """The attacker families of `--attackers`."""
    from sordino.attack import FULL, QUICK

    return FULL if attackers == "full" else QUICK


def resolve_attackers(references: Sequence[str] | None) -> dict[str, BaseEstimator]:
    """The attackers of `--attacker` by name, added to the families."""
    from sordino.attack.attackers import estimators

    attackers: dict[str, BaseEstimator] = {}
    for reference in dict.fromkeys(references or ()):
        name, estimator = estimators.resolve(reference)
        if name in attackers:
            raise PluginError(f"two attackers {name!r}, expected different names: rename a class")
        attackers[name] = estimator
    return attackers


def resolve_conditions(
    conditions: Literal["none", "standard"] | None, features: str
) -> Literal["none", "standard"]:
    """The conditions of `--conditions`. The default is `standard`; a table of vectors has no
    recordings to copy, so its default is `none`, with a warning.
    """
    from sordino.features.vectors import TABLE_SUFFIXES

    if conditions is None and location(features).suffix.lower() in TABLE_SUFFIXES:
        warn([f"{features} is a table of vectors: fitted without copies in other conditions"])
        return "none"
    return conditions or "standard"


def bundle_options(
    features: str,
    attackers: str,
    conditions: Literal["none", "standard"] | None,
    seed: int,
    *,
    releases: Sequence[str] | None = None,
    custom: Iterable[str] = (),
) -> Options:
    """`sordino.study.protocol.BUNDLE_OPTIONS` with the options of a verb. `custom` has the names of
    the user's own attackers.
    """
    from dataclasses import replace

    from sordino.study.protocol import BUNDLE_OPTIONS

    return replace(
        BUNDLE_OPTIONS,
        releases=BUNDLE_OPTIONS.releases if releases is None else tuple(releases),
        families=(*attacker_families(attackers), *custom),
        seed=seed,
        conditions=resolve_conditions(conditions, features),
    )


def resolve_features(features: str, encoder: Path | None = None) -> str:
    """The name of the feature set of `--features`, which may be one of the user's own, with its
    weights in the file of `--encoder`, if there is one.
    """
    from sordino.signal import feature_sets

    return (
        feature_sets.use_weights(encoder, features) if encoder else feature_sets.resolve(features)
    )


def resolve_releases(references: Sequence[str] | None) -> tuple[str, ...]:
    """The names of the releases of `--release`, some the user's own; `peers` stands for several."""
    from sordino.release import PEERS, resolve

    groups = {"peers": ("leace", *PEERS)}
    singles = [name for item in references or () for name in groups.get(item, (item,))]
    names = [resolve(reference).name for reference in dict.fromkeys(singles)]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise PluginError(f"two releases {twice[0]!r}, expected different names: rename a fitter")
    return tuple(names)


def compared_releases(references: Sequence[str] | None, default: Sequence[str]) -> tuple[str, ...]:
    """`none` and the releases of `--release`, each once; `default` if there are none."""
    names = ("none", *resolve_releases(references)) if references else default
    return tuple(dict.fromkeys(names))


def read_policies(files: Sequence[Path]) -> dict[str, Policy]:
    """Each policy by the stem of its file. Raises `PolicyError` for two equal stems."""
    from sordino.policy import read

    names = [file.stem for file in files]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise PolicyError(
            f"--policy {', '.join(duplicates)} comes twice, expected files of different names: "
            "rename one"
        )
    return {name: read(file) for name, file in zip(names, files, strict=True)}


def corpora_from(options: Sequence[str], *, keep_absent: bool = False) -> Corpus:
    """The corpora of `--corpus`, joined in this order. Notes on their labels become warnings.

    Each option is `NAME=PATH`; `keep_absent` is passed to `corpora.load`. Raises `CorpusError` if
    there is none, if one lacks its name or its path, if the path does not exist, or if
    `sordino.corpora` does not know the name.
    """
    from sordino import corpora

    if not options:
        raise CorpusError("no corpus given, expected at least one: add --corpus NAME=PATH")
    joined = corpora.join(
        [corpora.load(*_name_and_path(option), keep_absent=keep_absent) for option in options]
    )
    warn(joined.notes)
    return joined


def _name_and_path(option: str) -> tuple[str, str]:
    name, equals, path = option.partition("=")
    if not (name and equals and path):
        raise CorpusError(
            f"--corpus {option}: expected NAME=PATH, as in --corpus ravdess=data/ravdess"
        )
    return name, path
