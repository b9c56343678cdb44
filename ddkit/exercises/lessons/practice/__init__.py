"""Exercises of lessons that earn no marks: a file a lesson, found by its ``PRACTICE``."""
