"""Who may import whom: read from the syntax tree of every module, imports inside functions
included.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
WORDS = frozenset(
    {
        "columns",
        "define",
        "errors",
        "keyed_random",
        "memory",
        "onnx",
        "plugins",
        "policy",
        "progress",
        "storage",
        "textfile",
        "types",
    }
)
FLOOR = {
    **dict.fromkeys(WORDS, 0),
    "checkpoints": 1,
    **dict.fromkeys(("signal", "metrics", "nn"), 1),
    "device": 2,
    "testing": 5,
    **{
        room: floor
        for floor, room in enumerate(
            ("corpora", "features", "release", "attack", "export", "report", "study", "cli"), 2
        )
    },
    "__main__": 10,
}
"""A room may import rooms on lower floors, and itself."""

HEAVY = (
    "cryptography",
    "espeakng_loader",
    "gensim",
    "jinja2",
    "kaldi_native_fbank",
    "matplotlib",
    "nacl",
    "onnx",
    "onnxruntime",
    "opensmile",
    "sounddevice",
    "soundfile",
    "soxr",
)
SLOW = ("gensim", "pandas", "scipy", "sklearn", "torch")


def imports(source: str) -> Iterator[str]:
    """Every module or name that a source text imports, as a dotted path."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names
            )


MODULES = {
    path.relative_to(SOURCE / "sordino"): set(imports(path.read_text()))
    for path in SOURCE.rglob("*.py")
}
ROOMED = sorted(path for path in MODULES if path != Path("__init__.py"))


def room_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def ours(path: Path) -> set[str]:
    """The dotted paths below `sordino` that a module imports."""
    return {name.removeprefix("sordino.") for name in MODULES[path] if name.startswith("sordino.")}


def packages(path: Path) -> set[str]:
    """The packages outside the standard library and sordino that a module imports."""
    return (
        {name.split(".")[0] for name in MODULES[path]} - set(sys.stdlib_module_names) - {"sordino"}
    )


def in_room(room: str) -> list[Path]:
    return [path for path in ROOMED if room_of(path) == room]


def test_imports_inside_functions_are_seen() -> None:
    source = (
        "def f():\n    import torch.nn\n    from sordino import cli\n    from .table import make\n"
    )
    assert set(imports(source)) == {"torch.nn", "sordino.cli", ".table.make"}


@pytest.mark.parametrize("path", ROOMED, ids=str)
def test_a_module_has_a_room_and_imports_lower_floors_only(path: Path) -> None:
    room = room_of(path)
    assert room in FLOOR, f"{path} stands in no room of the house"
    assert not [name for name in MODULES[path] if name.startswith(".")], (
        "write imports from the root: sordino.…"
    )
    reached = {name.split(".")[0] for name in ours(path)} - {room, "__version__"}
    if room not in WORDS:
        assert not [floor_room for floor_room in reached if FLOOR[floor_room] >= FLOOR[room]]
    else:
        assert reached <= WORDS


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("checkpoints", {"pandas", "pyarrow"}),
        ("metrics", {"numpy", "scipy"}),
        ("nn", {"numpy", "torch"}),
        (
            "signal",
            {"gensim", "kaldi_native_fbank", "numpy", "opensmile", "scipy", "soundfile", "soxr"},
        ),
        *(
            (
                word,
                {
                    "onnx": {"numpy", "onnx", "onnxruntime"},
                    "progress": {"rich"},
                    "plugins": {"cloudpickle", "joblib"},
                    "keyed_random": {"numpy"},
                    "types": {"numpy"},
                }.get(word, set()),
            )
            for word in sorted(WORDS)
        ),
    ],
)
def test_a_low_room_needs_these_packages_only(room: str, allowed: set[str]) -> None:
    assert in_room(room)
    assert set().union(*map(packages, in_room(room))) <= allowed


def test_device_code_imports_signal_and_the_ground_floor_only() -> None:
    reached = {name.split(".")[0] for path in in_room("device") for name in ours(path)} - {
        "__version__"
    }
    assert reached <= {"device", "signal"} | WORDS
    assert set().union(*map(packages, in_room("device"))) <= {
        "cryptography",
        "nacl",
        "numpy",
        "pyarrow",
        "sounddevice",
    }


def test_attack_knows_the_release_protocol_and_no_release() -> None:
    names = {
        name for path in in_room("attack") for name in ours(path) if name.split(".")[0] == "release"
    }
    assert {".".join(name.split(".")[:2]) for name in names} <= {
        "release.Release",
        "release.protocol",
    }


@pytest.mark.parametrize("package", HEAVY)
def test_a_heavy_package_is_imported_in_one_module(package: str) -> None:
    assert len([path for path in MODULES if package in packages(path)]) == 1


@pytest.mark.parametrize(
    "module", ["sordino", "sordino.cli", "sordino.cli.options", "sordino.policy"]
)
def test_a_light_module_loads_no_slow_package(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & {set(SLOW)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_signal_loads_neither_torch_nor_pandas() -> None:
    code = f"import sys, sordino.signal; print(*sorted(set(sys.modules) & {set(SLOW)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_runtime_of_vectors_loads_neither_sound_nor_trust() -> None:
    code = "import sys; from sordino.device import Runtime, read; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    later = ("sordino.signal", "sordino.device.sound", "sordino.device.trust", "numpy.fft")
    assert [name for name in done.stdout.split() if name.startswith(later)] == []
