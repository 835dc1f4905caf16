"""Fooling it: attacks in the infinity norm whose success is measured from the file that was written."""
