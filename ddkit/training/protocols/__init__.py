"""Ways to train and score that are no numbers of the usual protocol: as a set itself prescribes."""
