"""The file that a benchmark leaves: what was measured, where, and every single figure."""

from __future__ import annotations

import json
import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
_DIRECTORY = ROOT / "benchmarks/results"


def keep(benchmark: str, seconds: dict[str, list[float]], **more: Any) -> dict[str, float]:
    """Write the raw seconds of each way that was measured; say where, and return their medians in seconds.

    Raises statistics.StatisticsError for a way without a figure, and OSError where the file can't be written.
    """
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    result = {
        "schema": "drillbook.benchmark/1",
        "benchmark": benchmark,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "load_average": os.getloadavg()},
        "seconds": seconds,
        "medians": medians,
        **more,
    }
    _DIRECTORY.mkdir(parents=True, exist_ok=True)
    path = _DIRECTORY / f"{benchmark}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"raw figures in {path.relative_to(ROOT)}")
    return medians
