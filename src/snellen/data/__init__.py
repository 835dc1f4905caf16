"""Photographs and labelled data sets, and the way from them to a network's input."""
