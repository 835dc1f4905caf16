"""Classifiers: from a name to a network with trained weights, and what can be read off it."""
