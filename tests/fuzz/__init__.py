"""A fuzzer of all that Snellen parses from strangers: images of every format, configurations, requests to the page.

    python -m tests.fuzz [--files 100000] [--only JPEG PNG ...] [--workers 2] [--seed 0]
    python -m tests.fuzz --files 2000 --corpus tests/corpus

File ``number`` of a target is a function of the seed, the target and the number, so that any of them can be made again
(``seeds.py``, ``mutate.py``). A target says whether a file was accepted or refused, and complains of what breaks the
rule: whatever the bytes, a result or one line that names the file (``targets.py``). Files are tried in processes of
their own, which may neither crash nor take longer than two seconds of processor time or more than the stated memory
(``run.py``). Killed and started again it goes on.
"""
