"""Distillation in one fixed network, and the translator that moves its result to where it serves every network
(Liu and Wang, "Few-Shot Dataset Distillation via Translative Pre-Training", ICCV 2023)."""
