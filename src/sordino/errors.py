"""Every error that sordino raises for a caller's mistake, as one tree.

    SordinoError
    ├── AudioError          a recording cannot be used as it is
    ├── CorpusError         labels or files of a corpus are missing or contradict each other
    ├── SplitError          the speakers do not suffice for the parts asked for
    ├── FeatureError        a table of vectors cannot be used as it is
    ├── PolicyError         a policy asks for what cannot be
    ├── ReleaseError        a release cannot be fitted, loaded or applied
    ├── BundleError         a bundle is not whole, or not what its reader understands
    │   └── SignatureError  a bundle is not signed by a key that the device trusts
    ├── AttackError         an attack has no data to learn from or to be measured on
    ├── StudyError          a study is asked for what it does not have
    ├── DependencyError     an optional package is not installed
    └── StorageError        a file cannot be read or written

Each message says what came, what was expected and what to do next, in one line. The command line
prints it and ends with exit status 2.
"""

from __future__ import annotations


class SordinoError(Exception):
    """Base of all errors below."""


class AudioError(SordinoError):
    """A recording cannot be used as it is: not audio, empty, not finite."""


class CorpusError(SordinoError):
    """Labels or files of a corpus are missing or contradict each other."""


class SplitError(SordinoError):
    """The speakers do not suffice for the parts asked for."""


class FeatureError(SordinoError):
    """A table of vectors cannot be used as it is."""


class PolicyError(SordinoError):
    """A policy asks for what cannot be: an unknown key, an emotion in two roles."""


class ReleaseError(SordinoError):
    """A release cannot be fitted, loaded or applied."""


class BundleError(SordinoError):
    """A bundle is not whole, was changed, or is of a format that this version does not read."""


class SignatureError(BundleError):
    """A bundle is not signed by a trusted key, or too old, or a key is none."""


class AttackError(SordinoError):
    """An attack has no data to learn from or to be measured on."""


class StudyError(SordinoError):
    """A study is asked for what it does not have: an unknown section, streams or labels that no
    corpus has.
    """


class PluginError(SordinoError):
    """A method of a user's own cannot be found or imported."""


class DependencyError(SordinoError):
    """An optional package is not installed."""


class StorageError(SordinoError):
    """A file cannot be read or written."""
