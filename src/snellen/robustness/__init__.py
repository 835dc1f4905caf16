"""What transforms of a photograph, attacked or not, do to the classifier's answer."""
