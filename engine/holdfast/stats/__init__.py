"""Intervals with the image as the unit."""

from holdfast.stats.intervals import Interval, clopper_pearson, mean_interval

__all__ = ["Interval", "clopper_pearson", "mean_interval"]
