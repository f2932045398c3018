"""Encoders of samples from a local folder, in the lab alone: wav2vec 2, HuBERT and WavLM."""

from __future__ import annotations

from sordino.signal.encoder.waveform.configuration import WaveformFolder, open_source
from sordino.signal.encoder.waveform.features import WaveformFeatures, open_waveform

__all__ = ["WaveformFeatures", "WaveformFolder", "open_source", "open_waveform"]
