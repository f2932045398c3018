"""Encoders of samples from a local folder, in the lab alone: wav2vec 2, HuBERT and WavLM."""

from __future__ import annotations

from sordino.signal.waveform.configuration import WaveformFolder, find_model
from sordino.signal.waveform.features import WaveformFeatures, open_waveform

__all__ = ["WaveformFeatures", "WaveformFolder", "find_model", "open_waveform"]
