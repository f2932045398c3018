"""A method of a user's own is found by its name, and nothing else is imported."""

from __future__ import annotations

import functools
import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from sordino import corpora, plugins
from sordino.attack import Audit
from sordino.attack.attackers import estimators
from sordino.cli.options import resolve_releases
from sordino.corpora.table import make
from sordino.errors import AttackError, CorpusError, FeatureError, PluginError, ReleaseError
from sordino.features.extract import extract
from sordino.release import FITTERS, Family, register, resolve
from sordino.release.noise import Noise
from sordino.release.protocol import ForeignFitter, apply_release
from sordino.signal import audio, feature_sets
from sordino.testing import POLICY

TEMPLATES = Path(__file__).parents[1] / "docs" / "templates"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the template; its modules and families are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rounded.py").write_bytes((TEMPLATES / "rounded.py").read_bytes())
    modules, families = set(sys.modules), dict(FITTERS)
    yield tmp_path
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    FITTERS.clear()
    FITTERS.update(families)


def test_a_reference_gives_the_class_of_that_module() -> None:
    assert plugins.import_name("releases", "rounded:RoundedFitter").__name__ == "RoundedFitter"


def test_the_search_path_is_as_before() -> None:
    before = list(sys.path)
    plugins.import_name("releases", "rounded:RoundedFitter")
    assert sys.path == before


def test_only_the_named_module_is_imported(folder: Path) -> None:
    (folder / "beside.py").write_text("raise SystemExit('imported')")
    plugins.import_name("releases", "rounded:RoundedFitter")
    assert "beside" not in sys.modules


def test_a_file_does_not_stand_in_for_an_installed_package(folder: Path) -> None:
    (folder / "rich.py").write_text("raise SystemExit('imported')")
    assert plugins.import_name("releases", "rich.table:Table").__name__ == "Table"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("rounded:Absent", "has no Absent"),
        ("absent:Fitter", "importing absent failed with ModuleNotFoundError"),
        ("../rounded:Fitter", "expected MODULE:NAME"),
        ("rounded:", "expected MODULE:NAME"),
        ("rounded:a b", "expected MODULE:NAME"),
        (":Fitter", "expected MODULE:NAME"),
        ("broken:Fitter", "importing broken failed with ZeroDivisionError"),
        ("absent", "an entry point of sordino.releases"),
    ],
)
def test_a_wrong_reference_is_refused(folder: Path, reference: str, message: str) -> None:
    (folder / "broken.py").write_text("1 / 0")
    with pytest.raises(PluginError, match=message):
        plugins.import_name("releases", reference)


def test_the_source_changes_with_the_file(folder: Path) -> None:
    fitter = plugins.import_name("releases", "rounded:RoundedFitter")
    before = plugins.source(fitter)
    with (folder / "rounded.py").open("a") as file:
        file.write("# changed\n")
    assert len(before) == 64
    assert plugins.source(fitter) != before
    assert plugins.source(Path) != ""
    assert plugins.source(resolve("drawn").fitter) == ""


def test_an_entry_point_is_found_and_not_imported_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = folder / "site" / "mine-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[sordino.releases]\nmine = mine:Fitter\n")
    (folder / "site" / "mine.py").write_text("class Fitter:\n    name = 'mine'\n")
    monkeypatch.syspath_prepend(str(folder / "site"))
    assert "mine" in plugins.names("releases")
    assert "mine" not in sys.modules
    assert resolve("mine").name == "mine"


def test_a_fitter_is_registered_under_its_name() -> None:
    family = resolve("rounded:RoundedFitter")
    assert (family.name, FITTERS["rounded"]) == ("rounded", family)
    assert family.description == "each dimension rounded to steps of two standard deviations"


def test_the_name_of_a_release_of_sordino_is_refused() -> None:
    with pytest.raises(ReleaseError, match="'drawn' is one of sordino's, expected a new name"):
        register(Family("drawn", "", FITTERS["none"].fitter, FITTERS["none"].restore))


@pytest.mark.parametrize("reference", ["json:loads", "json:decoder", "sordino:__version__"])
def test_an_object_that_is_no_fitter_is_refused(reference: str) -> None:
    with pytest.raises(
        (ReleaseError, PluginError), match="expected a fitter's class with a `name`"
    ):
        resolve(reference)


def test_a_module_that_exits_is_refused(folder: Path) -> None:
    (folder / "script.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(PluginError, match="importing script failed with SystemExit: 3"):
        plugins.import_name("releases", "script:Fitter")


def test_a_file_with_the_name_of_an_installed_module(folder: Path) -> None:
    (folder / "rich.py").write_text("class Fitter: ...\n")
    with pytest.raises(PluginError, match=r"rename rich\.py"):
        plugins.import_name("releases", "rich:Fitter")


@pytest.mark.parametrize(
    ("value", "message"),
    [("other:Outer.Fitter", ""), ("other", "expected MODULE:NAME"), ("a b", "MODULE:NAME")],
)
def test_the_value_of_an_entry_point(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    package = folder / "site" / "other-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[sordino.releases]\nother = {value}\n")
    (folder / "site" / "other.py").write_text("class Outer:\n    class Fitter: ...\n")
    monkeypatch.syspath_prepend(str(folder / "site"))
    if message:
        with pytest.raises(PluginError, match=message):
            plugins.import_name("releases", "other")
    else:
        assert plugins.import_name("releases", "other").__name__ == "Fitter"


def _package(folder: Path) -> Any:
    """A class of a package in the working folder, with a module beside it that it uses."""
    (folder / "parts").mkdir()
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "main.py").write_text(
        "from step import size\nclass Parent: ...\n"
        "class Fitter(Parent):\n    name = 'parts'\n"
        "    def __init__(self, policy=None, seed=0): ...\n"
        "    def value(self): return size()\n"
    )
    (folder / "step.py").write_text("def size():\n    return 4\n")
    return plugins.import_name("releases", "parts.main:Fitter")


def test_worker_processes_get_all_modules_of_the_folder(folder: Path) -> None:
    kind = _package(folder)
    values = joblib.Parallel(n_jobs=2)(joblib.delayed(kind.value)(kind()) for _ in range(2))
    assert values == [4, 4]


def test_the_source_covers_the_modules_that_a_file_imports(folder: Path) -> None:
    kind = _package(folder)
    before = plugins.source(kind)
    (folder / "step.py").write_text("def size():\n    return 5\n")
    assert plugins.source(kind) != before


def test_the_source_covers_the_parents_of_a_class(folder: Path) -> None:
    (folder / "parent.py").write_text("class Parent:\n    size = 4\n")
    parent = plugins.import_name("releases", "parent:Parent")
    kind = type("Child", (parent,), {"__module__": "rounded"})
    before = plugins.source(kind)
    (folder / "parent.py").write_text("class Parent:\n    size = 5\n")
    assert plugins.source(kind) != before


def test_the_source_of_a_class_of_an_interactive_session() -> None:
    digests = set()
    for number in (1, 2):
        text = f"class Fitter:\n    def fit(self):\n        return {number}\n"
        name = f"<cell {number}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        names: dict[str, Any] = {"__name__": "session"}
        exec(compile(text, name, "exec"), names)
        digests.add(plugins.source(names["Fitter"]))
    assert len(digests - {""}) == 2


def test_the_source_of_a_function_with_fixed_arguments() -> None:
    fitter = plugins.import_name("releases", "rounded:RoundedFitter")
    assert plugins.source(functools.partial(fitter, seed=1)) == plugins.source(fitter)


@pytest.mark.parametrize("name", ["../up", "a/b", "a\nb", "a\x1b", "**a**", "", "a" * 61, "=1", 5])
def test_a_name_that_is_no_plain_text_is_refused(name: Any) -> None:
    none = FITTERS["none"]
    with pytest.raises(PluginError, match="expected a name of at most 60"):
        register(Family(name, "", none.fitter, none.restore))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def __init__(self): pass", r"odd\.Fitter failed with TypeError"),
        ("def __init__(self, policy, seed): 1 / 0", r"odd\.Fitter failed with ZeroDivisionError"),
        ("def __init__(self, policy, seed): pass", "a Fitter without `fit`"),
    ],
)
def test_a_class_that_raises_is_refused(folder: Path, body: str, message: str) -> None:
    (folder / "odd.py").write_text(f"class Fitter:\n    name = 'odd'\n    {body}\n")
    with pytest.raises(ReleaseError, match=message):
        resolve("odd:Fitter")(POLICY, 0)


def test_a_fitter_with_slots_whose_fit_raises(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "class Fitter:\n    \n    name = 'odd'\n    __slots__ = ('seed',)\n"
        "    def __init__(self, policy, seed): self.seed = seed\n"
        "    def fit(self, z, corpus, part): return z[99]\n"
    )
    fitter = resolve("odd:Fitter")(POLICY, 7)
    assert "'seed': 7" in repr(fitter)
    with pytest.raises(ReleaseError, match=r"odd\.Fitter failed with IndexError"):
        fitter.fit(np.zeros((1, 1), np.float32), None, None)  # type: ignore[arg-type]


class Halved:
    """A release that raises, or whose output has a row too few."""

    name, config, hash = "halved", {"kind": "halved"}, "0"

    def __call__(self, z: Any) -> Any:
        return {"raise": {}}[z] if isinstance(z, str) else z[1:]

    def save(self, path: Any) -> None: ...


def test_a_release_that_raises_is_named() -> None:
    with pytest.raises(ReleaseError, match=r"release 'halved': .*Halved failed with KeyError"):
        apply_release(Halved(), "absent")  # type: ignore[arg-type]


def test_a_release_of_too_few_rows_is_refused() -> None:
    with pytest.raises(ReleaseError, match=r"shape \(2, 4\), expected \(3, width\)"):
        apply_release(Halved(), np.zeros((3, 4), np.float32))


def test_errors_of_sordinos_own_methods_stay_as_they_are() -> None:
    with (
        pytest.raises(ZeroDivisionError, match="division"),
        plugins.errors_of(Noise, "release", ReleaseError, "correct it"),
    ):
        1 / 0  # noqa: B018


def test_a_corpus_adapter_that_raises_is_named(folder: Path) -> None:
    (folder / "mine.py").write_text("def read(path): return {}[path.name]\n")
    with pytest.raises(CorpusError, match=r"mine\.read failed with KeyError: 'x': correct"):
        corpora.load("mine:read", "x")


@pytest.mark.parametrize("text", ["def __init__(self): 1 / 0", "def fit(self): ..."])
def test_an_attacker_that_is_no_classifier_is_refused(folder: Path, text: str) -> None:
    (folder / "odd.py").write_text(
        f"from sklearn.base import BaseEstimator\nclass Odd(BaseEstimator):\n    {text}\n"
    )
    with pytest.raises((PluginError, AttackError), match=r"failed with Zero|expected a classifier"):
        estimators.resolve("odd:Odd")


def test_two_methods_of_a_user_with_one_name_are_refused(folder: Path) -> None:
    (folder / "again.py").write_bytes((folder / "rounded.py").read_bytes())
    with pytest.raises(PluginError, match="two releases 'rounded'"):
        resolve_releases(["rounded:RoundedFitter", "again:RoundedFitter"])


def test_a_feature_set_whose_class_raises_is_refused(folder: Path) -> None:
    (folder / "odd.py").write_text("class Odd:\n    def __init__(self): 1 / 0\n")
    with pytest.raises(PluginError, match="failed with ZeroDivisionError"):
        feature_sets.resolve("odd:Odd")


FEATURES = """
import numpy as np
class Odd:
    name, sampling_rate, recipe, dims, names = "odd", 16000, 1, 2, ["a", "b"]
    config = {"name": "odd", "value": VALUE}
    def __call__(self, samples): return RESULT
"""


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("np.zeros(3)", r"values of shape \(3,\), expected \(2,\) and finite"),
        ("[0.0, np.nan]", "finite numbers"),
        ("1 / 0", r"features 'odd': odd\.Odd failed with ZeroDivisionError"),
        ("['a', 'b']", r"features 'odd': odd\.Odd failed with ValueError"),
    ],
)
def test_a_feature_set_with_odd_values_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, result: str, message: str
) -> None:
    (folder / "odd.py").write_text(FEATURES.replace("VALUE", "1").replace("RESULT", result))
    monkeypatch.delitem(feature_sets.FEATURE_SETS, "odd", raising=False)
    name = feature_sets.resolve("odd:Odd")
    file = audio.write(folder / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 8000))
    corpus = make("noise", pd.DataFrame({"file": [str(file)], "speaker": ["anna"]}))
    with pytest.raises(FeatureError, match=message):
        extract(name, corpus, cache=None, jobs=1)
    del feature_sets.FEATURE_SETS["odd"]


def test_a_feature_set_may_give_a_list(folder: Path) -> None:
    (folder / "odd.py").write_text(FEATURES.replace("VALUE", "1").replace("RESULT", "[1, 2]"))
    name = feature_sets.resolve("odd:Odd")
    file = audio.write(folder / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 8000))
    corpus = make("noise", pd.DataFrame({"file": [str(file)], "speaker": ["anna"]}))
    assert extract(name, corpus, cache=folder / "cache", jobs=1).tolist() == [[1, 2]]
    del feature_sets.FEATURE_SETS["odd"]


def test_a_config_that_is_no_json_is_refused(folder: Path) -> None:
    text = FEATURES.replace("VALUE", "np.float32(1)").replace("RESULT", "[1, 2]")
    (folder / "odd.py").write_text(text)
    with pytest.raises(FeatureError, match="expected plain JSON"):
        feature_sets.resolve("odd:Odd")


def test_a_release_whose_config_is_no_json_is_refused() -> None:
    class Odd(Noise):
        config = {"set": {1}}  # noqa: RUF012

    class Fitter:
        def fit(self, *_: Any) -> Any:
            return Odd("odd", {"kind": "gauss", "scale": 1.0, "width": 2, "key": 0})

    with pytest.raises(ReleaseError, match="config Object of type set"):
        ForeignFitter(Fitter(), "odd").fit(np.zeros((1, 2)), None, None)  # type: ignore[arg-type]


def test_an_attacker_whose_fit_raises_is_named(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "from sklearn.tree import DecisionTreeClassifier\n"
        "class Odd(DecisionTreeClassifier):\n    def fit(self, x, y): raise KeyError('no')\n"
    )
    _, odd = estimators.resolve("odd:Odd")
    del estimators.ESTIMATORS["Odd"]
    x, groups = np.random.default_rng(0).normal(size=(40, 2)), np.repeat(np.arange(10), 4)
    with pytest.raises(AttackError, match=r"attacker 'Odd': odd\.Odd failed with KeyError"):
        Audit((), shuffles=1, estimators={"Odd": odd}).run(x, groups % 2, groups)
