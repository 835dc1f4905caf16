"""The page: the exam in a browser. ``work.py`` is what its tabs do, ``page.py`` how they look."""
