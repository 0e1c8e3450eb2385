"""The `holdfast` command: audits here or on a service, judges, renders, serves."""
