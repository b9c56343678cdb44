"""Exercises of lessons that earn no marks: a file or folder a lesson, found by its ``PRACTICE``."""
