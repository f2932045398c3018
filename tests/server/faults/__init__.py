"""Faults under load: kills, a cut network, a full disk, a moved clock; and hostile requests."""
