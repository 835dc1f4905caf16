"""What visitors may ask for, so that the page can be left running."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one visitor, and all of them together, may take.

    Attributes:
        upload_bytes: size of one photograph's file.
        pixels: number of pixels of one photograph.
        worked_pixels: number of pixels at which a photograph is attacked or transformed; a larger one is reduced, and
            the page says so.
        mebibytes: MiB of memory that the page takes, by the forecasts of its jobs, of which one runs at a time.
        photographs: number of photographs in one report.
        labelled: number of photographs that a model is scored on.
        categories: number of categories shown for a photograph.
        epsilon: bound of an attack, in steps of 1/255.
        steps: number of steps of an attack.
        classes, examples: number of classes to learn, and of photographs of each.
        question_bytes: size of a question: some names and numbers.
        waiting: number of jobs in the queue.
        waiting_each: number of jobs in the queue from one address.
        learned: number of models that visitors made and the page keeps; the oldest goes first.
        abandoned_seconds: time after which a job that nobody asks about ends.
        kept_seconds: time that uploads and results are kept.
        kept_bytes: size of all uploads and results together.
        free_bytes: space on the disk that is left to others.
        connections: number of connections without a request on them.
        uploads: number of uploads at a time.
        uploads_each: number of uploads at a time from one address.
        requests: number of requests at a time.
        requests_each: number of requests at a time from one address.
        header_seconds: time for a request's headers.
        body_seconds: time between two pieces of a request's body.
        upload_seconds: time for a whole body.
    """

    upload_bytes: int = 100 << 20
    pixels: int = 64_000_000
    worked_pixels: int = 6_000_000
    mebibytes: int = 4096
    photographs: int = 8
    labelled: int = 64
    categories: int = 20
    epsilon: int = 32
    steps: int = 100
    classes: int = 8
    examples: int = 30
    question_bytes: int = 1 << 16
    waiting: int = 64
    waiting_each: int = 8
    learned: int = 16
    abandoned_seconds: float = 120
    kept_seconds: float = 3600
    kept_bytes: int = 2 << 30
    free_bytes: int = 256 << 20
    connections: int = 128
    uploads: int = 8
    uploads_each: int = 2
    requests: int = 256
    requests_each: int = 64
    header_seconds: float = 10
    body_seconds: float = 20
    upload_seconds: float = 300
