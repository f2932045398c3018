"""Networks and their training; nothing here knows of corpora or files."""

from sordino.nn.autoencoder import GatedAutoencoder, ReplacementAutoencoder
from sordino.nn.fit import Fitted, Job, Settings, run
from sordino.nn.fit_multimodal import FittedMultimodal, Training
from sordino.nn.multimodal import Multimodal, Outputs, Shape, apply
from sordino.nn.reversal import reverse
from sordino.nn.risk import RiskModel
from sordino.nn.sequences import Sequences, bucketed
from sordino.nn.stack import fit_stacks

__all__ = [
    "Fitted",
    "FittedMultimodal",
    "GatedAutoencoder",
    "Job",
    "Multimodal",
    "Outputs",
    "ReplacementAutoencoder",
    "RiskModel",
    "Sequences",
    "Settings",
    "Shape",
    "Training",
    "apply",
    "bucketed",
    "fit_stacks",
    "reverse",
    "run",
]
