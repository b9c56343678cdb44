"""Methods that differentiate through the training of a network on the synthetic set, whose real loss they lower."""
