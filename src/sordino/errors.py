"""Every error that sordino raises for a caller's mistake, as one tree.

    SordinoError
    ├── AudioError          a recording cannot be used as it is
    ├── CorpusError         labels or files of a corpus are missing or contradict each other
    ├── SplitError          the speakers do not suffice for the requested parts
    ├── FeatureError        a table of vectors cannot be used as it is
    ├── PolicyError         a policy contradicts itself or has an unknown key
    ├── ReleaseError        a release cannot be fitted, loaded or applied
    ├── BundleError         a bundle is incomplete, or its format is unknown
    │   └── SignatureError  a bundle is not signed by a key that the device trusts
    ├── AttackError         an attack has no data to learn from or to be measured on
    ├── StudyError          a study lacks the requested section, streams or labels
    ├── ClusterError        a cluster of workers cannot be used, or was lost
    ├── DependencyError     an optional package is not installed
    └── StorageError        a file cannot be read or written

Each message states the value that came, the expected value and the next step, in one line. The
command line prints it and ends with exit status 2.
"""

from __future__ import annotations

from pathlib import Path


class SordinoError(Exception):
    """Base of all errors below."""


class AudioError(SordinoError):
    """A recording cannot be used as it is: not audio, empty, not finite."""


class CorpusError(SordinoError):
    """Labels or files of a corpus are missing or contradict each other."""


class SplitError(SordinoError):
    """The speakers do not suffice for the requested parts."""


class FeatureError(SordinoError):
    """A table of vectors cannot be used as it is."""


class PolicyError(SordinoError):
    """A policy contradicts itself: an unknown key, an emotion in two roles."""


class ReleaseError(SordinoError):
    """A release cannot be fitted, loaded or applied."""


class BundleError(SordinoError):
    """A bundle is incomplete or changed, or this version does not read its format."""


class SignatureError(BundleError):
    """A bundle has no signature of a trusted key, is too old, or a key is invalid."""


class AttackError(SordinoError):
    """An attack has no data to learn from or to be measured on."""


class StudyError(SordinoError):
    """A study lacks the requested section, or no corpus has the requested streams or labels."""


class PluginError(SordinoError):
    """A method of a user's own cannot be found or imported."""


class ClusterError(SordinoError):
    """A cluster of workers cannot be used, or was lost."""


class DependencyError(SordinoError):
    """An optional package is not installed."""


class StorageError(SordinoError):
    """A file cannot be read or written."""


def install_step(extra: str, package: Path = Path(__file__).parent) -> str:
    """The command that installs an extra: from a clone of the repository, or from the index where
    the `package` was installed from one.

    >>> install_step("lab", Path("clone/src/sordino"))
    'pip install ".[lab]" in a clone of sordino'
    """
    if _is_from_index(package):
        return f'pip install "sordino[{extra}]"'
    return f'pip install ".[{extra}]" in a clone of sordino'


def _is_from_index(package: Path) -> bool:
    """Whether an installer took the package from an index: it writes the origin of any other one
    beside it (PEP 610).
    """
    records = list(package.parent.glob("sordino-*.dist-info"))
    return bool(records) and not any((record / "direct_url.json").exists() for record in records)
