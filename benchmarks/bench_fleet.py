"""
`iamkit run` over many accounts: two workers against one, and what an account costs among many.

    .venv/bin/python benchmarks/bench_fleet.py --accounts 200
    .venv/bin/python benchmarks/bench_fleet.py --accounts 12 --largest 300 --tiny 200

The accounts are the demo company's of 10 to `--largest` identities, most of them small. Goals: two
workers do 0.9 × 2 times the accounts of one; an account costs the same among 200 as among 20,
within a tenth; the most memory of a worker follows the largest account and not their number.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from company import say

from iamkit import demo
from iamkit.fleet import Log, read, run

SMALLEST, CUT = 10, 82  # identities; the demo company has no fewer than the second


def sizes(number: int, largest: int) -> list[int]:
    """Identities of each account: evenly spread over orders of magnitude."""
    steps = max(number - 1, 1)
    return [round(SMALLEST * (largest / SMALLEST) ** (each / steps)) for each in range(number)]


def account(folder: Path, account_id: str, identities: int) -> Path:
    """Answers of an account with about so many users and roles, as the AWS CLI saves them."""
    files: dict[str, Any] = demo.company(users=max(41, identities // 2), seed=identities)
    if identities < CUT:
        for content in files.values():
            for kind in ("UserDetailList", "RoleDetailList"):
                if kind in content:
                    content[kind] = content[kind][: identities // 2]
        for content in files.values():
            if "GeneratedTime" in content:
                lines = base64.b64decode(content["Content"]).splitlines(keepends=True)
                kept = b"".join(lines[: 2 + identities // 2])
                content["Content"] = base64.b64encode(kept).decode()
    path = folder / account_id
    path.mkdir(parents=True)
    for name, content in files.items():
        if "GeneratedTime" in content:
            text = base64.b64decode(content["Content"]).decode().replace(demo.ACCOUNT, account_id)
            content["Content"] = base64.b64encode(text.encode()).decode()
        (path / name).write_text(json.dumps(content).replace(demo.ACCOUNT, account_id))
    return path


class Memory(threading.Thread):
    """The most memory that each worker below a process has had, in MiB; without what it starts."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.most, self.ended = pid, dict[int, float](), threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.5):
            for path in Path("/proc").glob("[0-9]*/status"):
                try:
                    command = (path.parent / "cmdline").read_bytes()
                    lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
                except (OSError, ValueError):
                    continue
                if b"spawn_main" in command and int(lines["PPid"]) == self.pid:
                    pid = int(lines["Pid"])
                    self.most[pid] = int(lines.get("VmHWM", "0 kB").split()[0]) / 1024


def measured(folder: Path, accounts: list[Path], workers: int) -> tuple[float, float]:
    """Seconds of a run, and the most memory of a worker."""
    place = folder / f"{len(accounts)}-{workers}"
    place.mkdir()
    entries = [{"files": str(path), "account": path.name} for path in accounts]
    content = {"accounts": entries, "reports": f"file://{place}/store"}
    (place / "iamkit.yaml").write_text(json.dumps(content))
    command = [sys.executable, "-m", "iamkit", "run", "--quiet", "--workers", str(workers)]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=place, env={**os.environ, "TMPDIR": str(folder)})
    memory = Memory(process.pid)
    code = process.wait()
    memory.ended.set()
    if code:
        sys.exit(f"the run ended with {code}")
    return time.perf_counter() - began, max(memory.most.values(), default=0)


def tiny(folder: Path, number: int) -> float:
    """Seconds for so many accounts that fail at once: what a run costs by itself."""
    entries = [{"files": "nothing", "account": f"{each:012}"} for each in range(number)]
    path = folder / "tiny.yaml"
    path.write_text(json.dumps({"accounts": entries, "reports": f"file://{folder}/tiny"}))
    (folder / "nothing").mkdir()
    began = time.perf_counter()
    log = Log(quiet=True)
    log._logger.disabled = True
    run(read(path), log, number=2)
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--largest", type=int, default=3000, help="identities")
    parser.add_argument("--tiny", type=int, default=2000, help="accounts that fail at once")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        spread = sizes(given.accounts, given.largest)
        made = [
            account(folder / "accounts", f"{number:012}", size)
            for number, size in enumerate(spread, start=1)
        ]
        say(f"{given.accounts} accounts of {spread[0]} to {spread[-1]} identities")
        one, memory_one = measured(folder, made, 1)
        two, memory_two = measured(folder, made, 2)
        say(f"two workers against one   {one / two:.2f} times ({one:.0f} s, {two:.0f} s)")
        few = made[:: max(1, len(made) // max(given.accounts // 10, 2))]
        small, memory_few = measured(folder, few, 2)
        by_account = (two / len(made)) / (small / len(few))
        say(f"an account among {len(made)}      {by_account:.2f} times one among {len(few)}")
        say(f"most memory of a worker   {memory_two:.0f} MiB ({memory_one:.0f} alone, "
            f"{memory_few:.0f} with {len(few)} accounts)")  # fmt: skip
        seconds = tiny(folder, given.tiny)
        say(f"an account of nothing     {seconds / given.tiny * 1000:.0f} ms, of {given.tiny}")


if __name__ == "__main__":
    main()
