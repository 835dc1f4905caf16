"""Runs: folders of results, each file written whole or not at all, with a manifest of how to repeat them."""
