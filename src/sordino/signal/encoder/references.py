"""Feature sets of local folders: `speech:FOLDER@LAYER`, by the files that the folder has.

model.onnx                              a model as a graph (`onnx_folder`)
config.json, model_type whisper         Whisper in safetensors, read by sordino (`folder`)
config.json, another model_type         wav2vec 2, HuBERT, WavLM (`waveform`)
"""

from __future__ import annotations

from sordino.errors import FeatureError
from sordino.signal.encoder import onnx_folder
from sordino.signal.encoder.folder import open_folder, split_reference
from sordino.signal.encoder.onnx_folder import OnnxFeatures
from sordino.signal.encoder.speech import Speech
from sordino.signal.encoder.tensors import CONFIG_FILE, WEIGHTS_FILE, read_json
from sordino.signal.waveform import WaveformFeatures, open_waveform


def open_reference(reference: str) -> Speech | WaveformFeatures | OnnxFeatures:
    """The feature set of a reference `speech:FOLDER@LAYER`; layers count from 1.

    Raises `FeatureError` for a folder without such a model, `StorageError` for a file that cannot
    be read, and `DependencyError` without the packages that the model needs.
    """
    folder, layer = split_reference(reference)
    if not folder.is_dir():
        raise FeatureError(
            f"{folder}: no such folder, expected one with {CONFIG_FILE} and {WEIGHTS_FILE}, or "
            f"with {onnx_folder.MODEL_FILE}: check the path"
        )
    if (folder / onnx_folder.MODEL_FILE).exists():
        return onnx_folder.open_model(folder, layer)
    if read_json(folder / CONFIG_FILE).get("model_type") == "whisper":
        source = open_folder(reference)
        return Speech(source.name, source)
    return open_waveform(folder, layer)
