"""Descriptions that cross processes: plans, results, policies, verdicts. Data, no behaviour."""
