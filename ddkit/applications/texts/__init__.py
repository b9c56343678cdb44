"""Texts distilled as vectors, read as words again, and the plain opponent, TF-IDF: specs, tables, pictures, command."""

from ddkit.applications.texts.spec import Spelt, TfIdf

__all__ = ["Spelt", "TfIdf"]
