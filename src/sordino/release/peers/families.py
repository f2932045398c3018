"""The families of other people's methods. They run where they are named.

A comparison without names leaves them out, and no bundle has them. `docs/methods/peers.md` has
their sources and their figures.
"""

from __future__ import annotations

from typing import Final

from sordino.release.family import Family
from sordino.release.peers.aibt import Bottleneck, BottleneckFitter
from sordino.release.peers.chimera import Chimera
from sordino.release.peers.learned_noise import LearnedNoise, LearnedNoiseFitter
from sordino.release.peers.mcadams import McAdams
from sordino.release.voices import ChangedVoice, VoiceFitter, VoiceTransform


def _of_voice(voice: VoiceTransform, description: str) -> Family:
    """The family of a change of recordings."""
    return Family(
        voice.name,
        description,
        lambda policy, seed: VoiceFitter(voice),  # noqa: ARG005
        ChangedVoice.restore,
        fits=(),
        voice=voice,
    )


_FAMILIES: Final = (
    Family(
        "aibt",
        "adversarial information bottleneck training, by the package aibt-fl",
        lambda policy, seed: BottleneckFitter(policy, seed=seed),
        Bottleneck.restore,
        {
            "kl": "weight of the bottleneck; more preserves less of everything",
            "adversarial": "weight of the adversary; more hides more of gender",
            "latent": "size of the latent vector; a larger one preserves more and leaks more",
        },
        fits=("gender", "age", "columns"),
    ),
    Family(
        "learned-noise",
        "noise of a learned scale for each dimension, after Cloak (Mireshghallah et al. 2021)",
        lambda policy, seed: LearnedNoiseFitter(policy, seed=seed),
        LearnedNoise.restore,
        {"weight": "weight of the noise against utility; more adds noise"},
        fits=(),
    ),
    _of_voice(
        McAdams(),
        "recordings with formants that the McAdams coefficient moved, the baseline B2 of the "
        "VoicePrivacy Challenges",
    ),
    _of_voice(Chimera(), "recordings with moved pitch and formants, by the package chimera-voice"),
)

PEERS: Final[dict[str, Family]] = {family.name: family for family in _FAMILIES}
"""The families by name. `sordino.release.resolve` registers the family of a name."""
