"""Networks and their training, independent of corpora and files."""

from sordino.nn.autoencoder import GatedAutoencoder, ReplacementAutoencoder
from sordino.nn.fit import Job, Settings, TrainedNetwork, run_plan
from sordino.nn.fit_multimodal import FittedMultimodal, Training
from sordino.nn.multimodal import Multimodal, Outputs, Shape, apply
from sordino.nn.reversal import reverse
from sordino.nn.risk import RiskModel
from sordino.nn.sequences import Sequences, bucketed
from sordino.nn.stack import fit_stacks

__all__ = [
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
    "TrainedNetwork",
    "Training",
    "apply",
    "bucketed",
    "fit_stacks",
    "reverse",
    "run_plan",
]
