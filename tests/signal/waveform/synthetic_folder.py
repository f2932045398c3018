"""Folders of small models with random weights, as `transformers` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
LARGE: dict[str, Any] = {
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "conv_bias": True,
}
"""The settings of the large models, beside their sizes."""


def model_class(model_type: str) -> tuple[Any, Any]:
    """The classes of the configuration and of the model."""
    from transformers import (
        HubertConfig,
        HubertModel,
        Wav2Vec2Config,
        Wav2Vec2Model,
        WavLMConfig,
        WavLMModel,
    )

    classes: dict[str, tuple[Any, Any]] = {
        "hubert": (HubertConfig, HubertModel),
        "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
        "wavlm": (WavLMConfig, WavLMModel),
    }
    return classes[model_type]


def save_model(folder: Path, model_type: str, normalise: bool = True, **settings: Any) -> Any:
    """A model with random weights in a folder; the model itself, as the oracle."""
    import torch

    config_class, network = model_class(model_type)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = network(config_class(**SIZES | settings)).eval()
        for weight in model.parameters():  # the drawn weights of transformers are almost 0
            weight.data = torch.randn_like(weight) * 0.3
    model.save_pretrained(folder)
    preprocessor = {"sampling_rate": 16000, "do_normalize": normalise, "feature_size": 1}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return model
