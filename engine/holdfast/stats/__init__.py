"""Intervals and tests with the image as the unit."""

from holdfast.stats.estimates import (
    ANYTIME_METHOD,
    anytime_interval,
    bernoulli_sequence,
    difference_interval,
    real_interval,
)
from holdfast.stats.intervals import (
    METHOD,
    Interval,
    betting_interval,
    clopper_pearson,
    design_effect,
    icc,
    mean_interval,
    wilson,
)
from holdfast.stats.paired import (
    ClusteredTest,
    McNemar,
    NonInferiority,
    holm,
    images_for_noninferiority,
    mcnemar,
    modified_obuchowski,
    noninferiority,
    tango,
)
from holdfast.stats.ranges import failing_share_bound, images_needed
from holdfast.stats.sequential import (
    ConfidenceSequence,
    Decision,
    EProcess,
    PairedEProcess,
    confidence_sequence,
    images_to_decide,
)
from holdfast.stats.worst_cell import WorstCell, WorstCellMethod, worst_cell

__all__ = [
    "ANYTIME_METHOD",
    "METHOD",
    "ClusteredTest",
    "ConfidenceSequence",
    "Decision",
    "EProcess",
    "Interval",
    "McNemar",
    "NonInferiority",
    "PairedEProcess",
    "WorstCell",
    "WorstCellMethod",
    "anytime_interval",
    "bernoulli_sequence",
    "betting_interval",
    "clopper_pearson",
    "confidence_sequence",
    "design_effect",
    "difference_interval",
    "failing_share_bound",
    "holm",
    "icc",
    "images_for_noninferiority",
    "images_needed",
    "images_to_decide",
    "mcnemar",
    "mean_interval",
    "modified_obuchowski",
    "noninferiority",
    "real_interval",
    "tango",
    "wilson",
    "worst_cell",
]
