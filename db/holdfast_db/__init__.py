"""The database, the life cycle of a job, and the store of files.

Import submodules: `session`, `tables`, `jobs`, `queries`, `assets`, `store`, `settings`.
"""
