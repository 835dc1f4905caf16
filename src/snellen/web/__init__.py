"""The page: the exam in a browser.

``tabs/`` is what its tabs do, plain functions that know no network; ``app.py`` the addresses that it answers at;
``static/`` what the browser makes of the answers.
"""
