"""How well a classifier does its own job: accuracy, calibration, corruptions, two models side by side."""
