"""Processes killed at random moments and started again, until they end; then compared with undisturbed ones."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import fake_api
import pandas as pd
from report import ROOT, Count

from kaomoji_lib.claude.store import FILE, ReplyStore
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stimuli import load_prompts

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
COMMAND = [sys.executable, "-m", "kaomoji_lib"]
MODEL = next(name for name in registry.aliases() if registry.model(name).is_organism)
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def killed(command, kills, begin, finished, seed, earliest=0.3, environment=None, options=list):
    """Run ``command`` in rounds; kill it ``kills`` times in all, never more than a few times a round.

    ``begin()`` empties the place of the work, ``finished()`` is called when a run got through, ``options()`` before
    every start: words that the command line needs now. Returns the number of kills.
    """
    environment = {**ENVIRONMENT, **(environment or {})}
    moments, done = random.Random(seed), 0

    def through():
        words = [*command, *options()]
        subprocess.run(words, check=True, env=environment, capture_output=True, cwd=ROOT)
        finished()

    begin()
    started = time.monotonic()
    through()
    whole = time.monotonic() - started
    while done < kills:
        begin()
        print(f"  {done} of {kills} kills", end="\r", file=sys.stderr, flush=True)
        for _ in range(min(8, kills - done)):
            words, started = [*command, *options()], time.monotonic()
            process = subprocess.Popen(
                words, env=environment, cwd=ROOT, start_new_session=True, **QUIET
            )
            try:
                process.wait(timeout=moments.uniform(earliest, 1.0) * whole)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                done += 1
                continue
            if process.returncode:
                raise SystemExit(f"{words} ended with code {process.returncode}")
            # A machine that is busy at first and idle later would never see a kill again.
            whole = min(whole, time.monotonic() - started)
            break
        through()
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


def run_rows(run):
    """Every reply and every state of a run: list of (key, value)."""
    rows = rows_of(run.emissions(), ("prompt_id", "generation"))
    for position in ("emit", "first", "face"):
        states = run.states(position)
        rows += [
            ((position, *map(str, key)), hashlib.sha256(array.tobytes()).hexdigest())
            for key, array in zip(states.index.itertuples(index=False), states.array, strict=True)
        ]
    return rows


def collecting(place, kills):
    count, out, whole = Count("kill -9", "collecting replies and states"), place / "run", {}
    words = ["collect", MODEL, "--prompts", prompts(place, 4), "--generations", 2, "--out", out]

    def finished():
        rows = run_rows(RunFolder(out))
        count.compare(whole, rows) if whole else whole.update(rows)
        count.broken += len(list(out.rglob("*.part")))

    begin = lambda: shutil.rmtree(out, ignore_errors=True)
    command = [*COMMAND, *map(str, words), "--quiet"]
    count.tried = killed(command, kills, begin, finished, seed=1)
    return count


def scoring(place, kills):
    count, out, whole = Count("kill -9", "scoring faces"), place / "scores.parquet", {}
    faces = place / "faces.txt"
    faces.write_text("\n".join(fake_api.FACES), encoding="utf-8")
    words = ["score", MODEL, "--faces", faces, "--prompts", prompts(place, 6), "--out", out]

    def begin():
        out.unlink(missing_ok=True)
        shutil.rmtree(place / f".{out.name}.parts", ignore_errors=True)

    def finished():
        rows = rows_of(pd.read_parquet(out).round(5), ("prompt_id", "spelling"))
        count.compare(whole, rows) if whole else whole.update(rows)
        count.broken += (place / f".{out.name}.parts").exists() + len(list(place.glob(".*.part")))

    command = [*COMMAND, *map(str, words), "--quiet"]
    count.tried = killed(command, kills, begin, finished, seed=2)
    return count


class SlowAPI(fake_api.FakeAPI):
    """A service slow enough to be killed at: within replies, and between a batch and the answer that names it."""

    def __init__(self, batch):
        answers = fake_api.Answers()
        super().__init__(answers=answers, batch_seconds=0.4)
        self.slow = batch

    def message(self, params):
        time.sleep(0 if self.slow else 0.01)
        return super().message(params)

    def create_batch(self, requests):
        time.sleep(0.8)
        batch = super().create_batch(requests)
        time.sleep(0.8)
        return batch


def asking(place, kills, batch=False):
    """Replies of a fake API: what was stored stays and is not paid for again, and none is missing in the end.

    A batch whose id was not stored: the command stops, and goes on with what a person finds at the service.
    """
    name = f"asking for replies, {'in batches' if batch else 'one by one'}"
    count, out, stored = Count("kill -9", name), place / f"claude-{batch}", {}
    with SlowAPI(batch) as server:
        words = ["claude", "elicit", "--model", "claude-haiku-4-5", "--runs", 1, "--out", out]
        command = [*COMMAND, *map(str, words), "--workers", "2", "--quiet", "--poll", "0.05"]
        command += ["--batch"] if batch else []
        environment = server.variables()

        def look():
            if not (out / FILE).is_file():
                return []
            store = ReplyStore(out)
            rows = store._db.execute("SELECT key, entry FROM log WHERE kind = 'reply'").fetchall()
            store.close()
            return rows

        def paid_for(record):
            return server.paid[fake_api.digest(json.loads(record)["params"])]

        def options():
            # What is on the disk when a process is about to start was stored by one that is gone.
            for key, record in look():
                stored.setdefault(key, (record, paid_for(record)))
            unknown = [e for e in ReplyStore(out).open_batches() if e["id"] is None]
            if not unknown:
                return []
            count.rows += 1
            before = server.requests.copy()
            place = {"env": {**ENVIRONMENT, **environment}, "cwd": ROOT}
            done = subprocess.run(command, **place, capture_output=True, text=True)
            refused = done.returncode == 2 and "--resend" in done.stderr
            count.broken += not refused or server.requests != before
            keys = set(unknown[0]["requests"])
            there = [one["id"] for one in server.batches.values() if one["keys"] == keys]
            return there and ["--batch", there[0]] or ["--resend"]

        def begin():
            shutil.rmtree(out, ignore_errors=True)
            for memory in (server.paid, server.batches, stored):
                memory.clear()

        def finished():
            kept = dict(look())
            rows = pd.read_parquet(out / "elicit" / "emissions.parquet")
            count.compare(
                dict.fromkeys(load_prompts()["id"]), [(key, None) for key in rows["prompt_id"]]
            )
            count.changed += sum(kept.get(key) != record for key, (record, _) in stored.items())
            count.duplicated += sum(paid_for(record) != paid for record, paid in stored.values())
            # A batch answers every question once, however often its maker died.
            count.duplicated += sum(server.paid.values()) - len(rows) if batch else 0
            count.broken += len(list(out.rglob("*.part")))

        named = {"environment": environment, "options": options, "earliest": 0.4}
        count.tried = killed(command, kills, begin, finished, seed=3 + batch, **named)
    return count
