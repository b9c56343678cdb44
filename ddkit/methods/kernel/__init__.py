"""Methods of kernel ridge regression, whose inner model has a closed form; ``krr`` is what they share."""
