"""Networks and their training; nothing here knows of corpora or files."""

from sordino.nn.autoencoder import GatedAutoencoder, ReplacementAutoencoder
from sordino.nn.fit import Fitted, Job, Settings, run
from sordino.nn.reversal import reverse
from sordino.nn.risk import RiskModel
from sordino.nn.stack import fit_stacks

__all__ = [
    "Fitted",
    "GatedAutoencoder",
    "Job",
    "ReplacementAutoencoder",
    "RiskModel",
    "Settings",
    "fit_stacks",
    "reverse",
    "run",
]
