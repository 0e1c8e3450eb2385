"""Plain functions on scores: (reference, moved) -> per-image values."""

from holdfast.metrics.degenerate import Degeneracy, DegenerateWatch, degeneracies
from holdfast.metrics.drift import (
    LogitDrift,
    mean_absolute_change,
    relative_logit_drift,
    saturated_share,
)
from holdfast.metrics.heads import (
    MULTILABEL,
    class_count,
    guess_kind,
    has_scores,
    logits,
    probabilities,
)
from holdfast.metrics.label_mapping import LabelMapping, label_mapping
from holdfast.metrics.labels import Readout, read_scores
from holdfast.metrics.multilabel import answer_codes, label_agreement
from holdfast.metrics.orbit import (
    accuracy_drop,
    all_pairs_consistency,
    modal_consistency,
    pair_consistency,
    reference_consistency,
    robust_accuracy,
    worst_case,
    worst_of_k,
)
from holdfast.metrics.per_group import Group, by_group
from holdfast.metrics.readout import tie_tolerance
from holdfast.metrics.scores import OrbitScores, correct_answers, orbit_scores, settled
from holdfast.metrics.stride_phase import (
    effective_period,
    halved_periods,
    stride_phase_by_period,
    stride_phase_index,
    stride_phase_of,
)
from holdfast.metrics.sweep import first_flip_radius, flip_probability, survival, top5_distance
from holdfast.metrics.ties import TIE_SHARE_LIMIT, tie_share, too_many_ties

__all__ = [
    "MULTILABEL",
    "TIE_SHARE_LIMIT",
    "Degeneracy",
    "DegenerateWatch",
    "Group",
    "LabelMapping",
    "LogitDrift",
    "OrbitScores",
    "Readout",
    "accuracy_drop",
    "all_pairs_consistency",
    "answer_codes",
    "by_group",
    "class_count",
    "correct_answers",
    "degeneracies",
    "effective_period",
    "first_flip_radius",
    "flip_probability",
    "guess_kind",
    "halved_periods",
    "has_scores",
    "label_agreement",
    "label_mapping",
    "logits",
    "mean_absolute_change",
    "modal_consistency",
    "orbit_scores",
    "pair_consistency",
    "probabilities",
    "read_scores",
    "reference_consistency",
    "relative_logit_drift",
    "robust_accuracy",
    "saturated_share",
    "settled",
    "stride_phase_by_period",
    "stride_phase_index",
    "stride_phase_of",
    "survival",
    "tie_share",
    "tie_tolerance",
    "too_many_ties",
    "top5_distance",
    "worst_case",
    "worst_of_k",
]
