"""Distillation in one fixed network, and the translator that moves its result to where it serves every network
(Liu and Wang, "Few-Shot Dataset Distillation via Translative Pre-Training", ICCV 2023).

The loss and its statistics stand in ``regression``, distillation in one network in ``inner``; a translator is made
by a ``plan`` in ``pretraining`` and tried in ``trying``; ``translative`` is the method. ``bilevel`` is the way that the
paper gives up for it, as a reference.
"""
