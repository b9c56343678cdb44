"""Texts distilled as vectors, read as words again, and the plain opponent, TF-IDF: specs, tables, pictures, command."""

from ddkit.applications.texts.reread import Reread
from ddkit.applications.texts.spec import Spelt, TfIdf

__all__ = ["Reread", "Spelt", "TfIdf"]
