"""Faults under load: kills, a cut network, a full disk, a clock that moves; and hostile requests."""
