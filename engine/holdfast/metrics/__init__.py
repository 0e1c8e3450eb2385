"""Plain functions on scores: (reference, moved) -> per-image values."""

from holdfast.metrics.labels import Readout, read_scores
from holdfast.metrics.scores import OrbitScores, orbit_scores

__all__ = ["OrbitScores", "Readout", "orbit_scores", "read_scores"]
