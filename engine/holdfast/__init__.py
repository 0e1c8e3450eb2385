"""Holdfast: does your vision model hold fast when the picture moves?

The root stays light: the sandboxed child imports it before it is locked, the API and the database
import its submodules. So nothing is loaded here.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
