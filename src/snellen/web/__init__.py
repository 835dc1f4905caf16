"""The page: the exam in a browser. ``tabs.py`` is what its tabs do, ``page.py`` how they look."""
