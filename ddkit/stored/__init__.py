"""The runs at hand and what they answer: which sets were judged alike, how scores grow with images, what evolved.

Everything is found by being there: no kind of set, no method and no data set is known by name. What lives here reads
records and draws nothing.
"""

from ddkit.stored.evolving import Evolving, evolving
from ddkit.stored.grid import Grid, combination, grids
from ddkit.stored.growth import Growth, Growths, Point, growths
from ddkit.stored.judged import Judge, Sample, counted, judged, lead
from ddkit.stored.shelf import Shelf, Stored, shelf
from ddkit.stored.words import FULL, METHOD, RANDOM, START, meaning, tell_apart

__all__ = ["FULL", "METHOD", "RANDOM", "START", "Evolving", "Grid", "Growth", "Growths", "Judge", "Point", "Sample",
           "Shelf", "Stored", "combination", "counted", "evolving", "grids", "growths", "judged", "lead", "meaning",
           "shelf", "tell_apart"]
