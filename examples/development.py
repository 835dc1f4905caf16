"""Writes the two pets that development.toml shows beside the peppers: from the data next to the checkout, as they are.

    python examples/development.py ../shared/data/pets7 runs/photographs

They are of the Oxford-IIIT Pet data set (Parkhi et al. 2012), CC BY-SA 4.0.
"""

import sys
from pathlib import Path

import pyarrow.parquet

SHOWN = {"german_shorthaired_9": "pointer.jpg", "pomeranian_24": "pomeranian.jpg"}
"""Names in the data set, and those of their files here."""


def main(dataset: Path, out: Path) -> None:
    """Write each photograph of :data:`SHOWN` from the test split into the folder ``out``."""
    table = pyarrow.parquet.read_table(dataset / "test.parquet", filters=[("image_id", "in", list(SHOWN))])
    out.mkdir(parents=True, exist_ok=True)
    for row in table.to_pylist():
        (out / SHOWN[row["image_id"]]).write_bytes(row["image"]["bytes"])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
