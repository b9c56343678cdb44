"""Few-shot distillation compared: a translator learned on other data, the same one not pre-trained, and plain pixels,
at the same number of networks met on the target. The spec with its work, tables, figures, the command, and what lesson
13 shows."""

from ddkit.applications.few_shot.spec import FewShot

__all__ = ["FewShot"]
