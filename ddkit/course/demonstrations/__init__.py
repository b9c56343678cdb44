"""What lessons 11 to 13 measure on a few images before the eyes, to explain a method: no runs, and no records."""
