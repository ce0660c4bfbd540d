"""Files of rows for the tests of tasks."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def write(path: Path, rows: Sequence[Any]) -> Path:
    """Rows as .jsonl or .parquet; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def numbers(first: int, last: int) -> list[dict[str, int]]:
    """Numbered rows."""
    return [{"n": n} for n in range(first, last)]
