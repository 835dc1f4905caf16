"""A turn of the head: what manipulations of a photograph, attacked or not, do to the answer."""
