"""The report: what it is made of, and its two renderers, PDF and HTML."""
