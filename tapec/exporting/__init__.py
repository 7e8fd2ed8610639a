"""Compiled functions as files that C can link: `export`, and `load` to call them."""

from tapec.exporting.exporter import Exported, export
from tapec.exporting.loading import Loaded, load

__all__ = ["Exported", "Loaded", "export", "load"]
