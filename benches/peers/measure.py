"""What every Python peer measures, and how: CPU and wall time per run, the floor of the language, start and memory.

A peer imports this last, when it has taken the CPU time of its own start.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from pathlib import Path


def iterations() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, required=True)
    return parser.parse_args().iterations


async def _nothing() -> None:
    pass


async def _loop(run, count: int) -> tuple[int, int]:
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in range(count):
        await run()
    return time.process_time_ns() - cpu, time.perf_counter_ns() - wall


async def _measure(run, count: int) -> dict:
    await _loop(run, max(1, count // 10))  # warm-up
    cpu, wall = await _loop(run, count)
    empty = max(count, 100_000)
    floor, _ = await _loop(_nothing, empty)
    return {
        "cpu_ns_per_run": cpu // count,
        "wall_ns_per_run": wall // count,
        "floor_cpu_ns": floor // empty,
    }


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` would count the memory of the parent at the moment of the fork.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def report(peer: str, version: str, area: str, run, ready_cpu_ns: int) -> None:
    """Measures `run`, an async function without arguments, and prints the one JSON line."""
    count = iterations()
    result = asyncio.run(_measure(run, count))
    line = {
        "peer": peer,
        "version": version,
        "area": area,
        "iterations": count,
        **result,
        "rss_bytes": _peak_bytes(),
        "import_cpu_ns": ready_cpu_ns,
        "runtime": f"Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
    }
    print(json.dumps(line))
