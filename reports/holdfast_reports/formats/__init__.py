"""The files that other programs read, and the summary that people read in a pull request.

Each module makes one format from records. None knows a path, an environment or a template engine.
"""
