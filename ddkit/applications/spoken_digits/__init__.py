"""Spoken digits distilled as spectrograms: what is compared, its tables and pictures; the runs are ordinary ones."""
