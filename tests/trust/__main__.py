"""Kill it at random moments, and count what breaks (tests/test_claude.py injects faults of a service).

    python tests/trust                       everything (`make trust`)
    python tests/trust collecting batches    some campaigns

Prints the counts and keeps them in tests/trust/counts.csv. Ends with code 1 when a row was lost, duplicated or changed,
or a promise broken.
"""

import argparse
import hashlib
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

import fake_api  # noqa: E402

from kaomoji_lib.claude.store import REPLY, ReplyStore  # noqa: E402
from kaomoji_lib.runs.folder import POSITIONS, RunFolder  # noqa: E402
from kaomoji_lib.stimuli import load_prompts  # noqa: E402

TABLE = Path(__file__).with_name("counts.csv")
CLAUDE, MODEL = "claude-haiku-4-5", "organism-gemma"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass
class Count:
    """``tried``: kills. ``rows``: compared with an undisturbed run. ``lost``, ``duplicated``, ``changed``: rows that differ.

    ``broken``: promises that were not kept otherwise.
    """

    what: str
    tried: int = 0
    rows: int = 0
    lost: int = 0
    duplicated: int = 0
    changed: int = 0
    broken: int = 0

    def compare(self, whole, found):
        """Count the pairs (key, value) of ``found``, whose keys may repeat, against the dict ``whole``."""
        seen = dict(found)
        self.rows += len(whole)
        self.lost += len(whole.keys() - seen.keys())
        self.duplicated += len(found) - len(seen)
        self.changed += sum(key not in whole or seen[key] != whole[key] for key in seen)


def killed(words, kills, begin, finished, environment=(), options=list):
    """Run a command in rounds; kill it ``kills`` times in all, at most eight times a round. Returns the number of kills.

    ``begin()`` empties the place of the work, ``finished()`` is called when a run got through, ``options()`` before
    every start: words that the command line needs now.
    """
    command = [sys.executable, "-m", "kaomoji_lib", *map(str, words), "--quiet"]
    place = {"env": {**ENVIRONMENT, **dict(environment)}, "cwd": ROOT, **QUIET}
    moments, done, whole = random.Random(0), 0, None
    while done < kills or whole is None:
        begin()
        for left in range(min(8, kills - done) if whole else 0, -1, -1):
            limit = moments.uniform(0.3, 1.0) * whole if left else None
            words, started = [*command, *options()], time.monotonic()
            process = subprocess.Popen(words, start_new_session=True, **place)
            try:
                assert process.wait(limit) == 0
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                done += 1
                continue
            # A machine that is busy at first and idle later would never see a kill again.
            if limit or not whole:
                whole = min(whole or math.inf, time.monotonic() - started)
            break
        finished()
    return done


def prompts(place, number):
    path = place / "prompts.csv"
    load_prompts().groupby("category").head(number).to_csv(path, index=False)
    return path


def rows_of(table, keys):
    return [
        (tuple(row[key] for key in keys), json.dumps(row, default=str, sort_keys=True))
        for row in table.to_dict("records")
    ]


def undisturbed(count, words, kills, parts, out, rows):
    """Kill a command; ``rows()`` must be what they were when it ran undisturbed, and nothing half done may be left."""
    whole = {}

    def begin():
        for path in (out, parts):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(True)

    def finished():
        found = rows()
        count.compare(whole, found) if whole else whole.update(found)
        count.broken += parts.exists() + len(list(out.parent.rglob("*.part")))

    count.tried = killed(words, kills, begin, finished)
    return count


def collecting(place, kills):
    out = place / "run"
    words = ["collect", MODEL, "--prompts", prompts(place, 4), "--generations", 2, "--out", out]

    def rows():
        run = RunFolder(out)
        found = rows_of(run.emissions(), ("prompt_id", "generation"))
        for place in POSITIONS:
            found.append((place, hashlib.sha256(run.states(place).array.tobytes()).hexdigest()))
        return found

    count = Count("collecting replies and states")
    return undisturbed(count, words, kills, out / "shards", out, rows)


def scoring(place, kills):
    out, faces = place / "scores.parquet", place / "faces.txt"
    faces.write_text("\n".join(fake_api.FACES), encoding="utf-8")
    words = ["score", MODEL, "--faces", faces, "--prompts", prompts(place, 6), "--out", out]
    rows = lambda: rows_of(pd.read_parquet(out).round(5), ("prompt_id", "spelling"))
    count = Count("scoring faces")
    return undisturbed(count, words, kills, place / f".{out.name}.parts", out, rows)


class SlowAPI(fake_api.FakeAPI):
    """A service slow enough to be killed at: within replies, or between a batch and the answer that names it."""

    def message(self, params):
        time.sleep(0 if self.batch_seconds else 0.01)
        return super().message(params)

    def create_batch(self, requests):
        time.sleep(0.8)
        batch = super().create_batch(requests)
        time.sleep(0.8)
        return batch


def asking(place, kills, batch=False):
    """Replies of a fake API: what was stored stays and is not paid for again, and none is missing in the end.

    Where a batch's id was not stored, the command is told what a person would find at the service.
    """
    name = f"asking for replies, {'in batches' if batch else 'one by one'}"
    count, out, stored = Count(name), place / f"claude-{batch}", {}
    with SlowAPI(batch_seconds=0.4 * batch) as server:
        words = ["claude", "elicit", "--model", CLAUDE, "--runs", 1, "--out", out]
        words += ["--workers", 2, "--poll", 0.05, *(["--batch"] if batch else [])]

        def replies():
            log = ReplyStore(out).log
            return {key: json.dumps(value) for kind, key, value in log if kind == REPLY}

        def paid_for(record):
            return server.paid[fake_api.digest(json.loads(record)["params"])]

        def options():
            # What is on the disk when a process is about to start was stored by one that is gone.
            for key, record in replies().items():
                stored.setdefault(key, (record, paid_for(record)))
            unknown = [e for e in ReplyStore(out).open_batches() if e["id"] is None]
            if not unknown:
                return []
            keys = set(unknown[0]["requests"])
            there = [one["id"] for one in server.batches.values() if one["keys"] == keys]
            return ["--batch", there[0]] if there else ["--resend"]

        def begin():
            shutil.rmtree(out, ignore_errors=True)
            for memory in (server.paid, server.batches, stored):
                memory.clear()

        def finished():
            kept, ids = replies(), dict.fromkeys(load_prompts()["id"])
            rows = pd.read_parquet(out / "elicit" / "emissions.parquet")
            count.compare(ids, [(key, None) for key in rows["prompt_id"]])
            count.changed += sum(kept.get(key) != record for key, (record, _) in stored.items())
            count.duplicated += sum(paid_for(record) != paid for record, paid in stored.values())
            # A batch answers every question once, however often its maker died.
            count.duplicated += sum(server.paid.values()) - len(rows) if batch else 0
            count.broken += len(list(out.rglob("*.part")))

        count.tried = killed(words, kills, begin, finished, server.variables(), options)
    return count


CAMPAIGNS = {"collecting": collecting, "scoring": scoring, "asking": asking}
CAMPAIGNS["batches"] = partial(asking, batch=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaigns", nargs="*", choices=[*CAMPAIGNS, []], help="default: all")
    parser.add_argument("--kills", type=int, default=20, help="per campaign (default: 20)")
    arguments, bad = parser.parse_args(), 0
    for name in arguments.campaigns or CAMPAIGNS:
        with tempfile.TemporaryDirectory(prefix="kaomoji-trust-") as place:
            count = CAMPAIGNS[name](Path(place), arguments.kills)
        print(count, flush=True)
        bad += count.lost + count.duplicated + count.changed + count.broken
        table = pd.concat([pd.read_csv(TABLE), pd.DataFrame([asdict(count)])])
        table.drop_duplicates("what", keep="last").sort_values("what").to_csv(TABLE, index=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
