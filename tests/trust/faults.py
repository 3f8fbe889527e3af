"""Faults injected one at a time: a service that misbehaves, files that rot."""

from unittest import mock

import numpy as np
import pandas as pd
from fake_api import BATCH_FAULTS, FACES, FAULTS, UNPAID, FakeAPI
from kills import MODEL, prompts
from report import Count

from kaomoji_lib.claude import client, elicit, introspect, synthesize
from kaomoji_lib.claude import exchanges as exchanges_of
from kaomoji_lib.claude.method import AnswerFolder
from kaomoji_lib.claude.store import FILE, ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.collect import collect
from kaomoji_lib.models.scoring import score_file
from kaomoji_lib.runs.folder import RunFolder

CLAUDE = "claude-haiku-4-5"


def campaign(place):
    return [
        serving(place, "a service that misbehaves", FAULTS),
        serving(place, "batches whose creation fails", [*UNPAID, "cut-body"], batch=True),
        serving(place, "batches with failed items", BATCH_FAULTS, batch=True),
        rotting(place),
    ]


def serving(place, name, faults, batch=False):
    """Every method under one fault after the other: reported, completed by the next run, nothing paid for twice."""
    count, few = Count("fault", name), prompts(place, 1)
    exchanges = exchanges_of.opened((f"m{n}", f"hello {n}", f"{f} hi") for n, f in enumerate(FACES))
    methods = {
        "elicit": lambda settings: elicit.elicit(settings, few, runs=1),
        "introspect": lambda settings: introspect.introspect(settings, FACES),
        "synthesize": lambda settings: synthesize.synthesize(settings, exchanges),
    }
    for fault in faults:
        for method, ask in methods.items():
            out = place / f"{fault}-{method}-{batch}-{len(faults)}"
            quick = {"retries": 2, "timeout": 1.0, "poll": 0.01, "workers": 2, "batch": batch}
            items = {"batch_faults": [fault]} if faults is BATCH_FAULTS else {"faults": [fault]}
            with (
                FakeAPI(stall=1.3, **items).environment() as there,
                mock.patch("anthropic._base_client.INITIAL_RETRY_DELAY", 0.02),
            ):
                count.tried += 1
                try:
                    _, first = ask(client.Settings(CLAUDE, str(out), **quick))
                    before = ReplyStore(out).records()
                    wrong = [why for _, why in first.unusable if "answered by" in why]
                    unfinished = first.counts["missing"] + len(first.unusable) - len(wrong)
                    count.broken += bool(unfinished) != bool(first.remedy)
                    decided = {"retry_invalid": bool(first.unusable)}
                    if ReplyStore(out).open_batches():
                        ids = list(there.batches)
                        decided |= {"batch_id": ids[0]} if ids else {"resend": True}
                    _, last = ask(client.Settings(CLAUDE, str(out), **quick, **decided))
                except Exception as error:
                    print(f"  {fault}, {method}: {type(error).__name__}: {error}")
                    count.broken += 1
                    continue
                kept = ReplyStore(out).records()
            n_requests = sum(last.counts.values())
            count.rows += n_requests
            count.lost += last.counts["missing"] + sum(record not in kept for record in before)
            extra = sum(there.paid.values()) - n_requests
            allowed = len(first.unusable) - len(wrong) + (fault == "cut-body" and not batch)
            count.duplicated += max(0, extra - allowed)
    return count


def damages(content):
    """A file emptied, cut, zeroed, and zeroed from its middle on."""
    half = len(content) // 2
    yield from (b"", content[:half], content[:-1], content[:8], b"\0" * len(content))
    yield content[:half] + b"\0" * (len(content) - half)


def flips(content, many=24):
    """A file with one bit turned over."""
    for place in np.linspace(0, len(content) - 1, many).astype(int):
        yield content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def _equal(one, other):
    if isinstance(one, pd.DataFrame):
        return one.equals(other)
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def rotting(place):
    """Files of every store: refused by name when damaged; what a manifest vouches for, also when one bit differs."""
    count, few = Count("fault", "damaged and cut files"), prompts(place, 2)
    settings = {"prompts": few, "generations": 1, "progress": False}
    run = collect(MODEL, out=place / "run", **settings)
    shards = RunFolder(place / "unfinished")
    with mock.patch.object(RunFolder, "merge", lambda run, count, **facts: None):
        collect(MODEL, out=shards.path, **settings)
    (place / "faces.txt").write_text("\n".join(FACES), encoding="utf-8")
    scores = {"faces": place / "faces.txt", "prompts": few, "out": place / "scores.parquet"}
    score_file(MODEL, **scores, progress=False)
    claude = place / "claude"
    with FakeAPI().environment():
        introspect.introspect(client.Settings(CLAUDE, str(claude)), FACES)
    shard, judged = shards.shard(0), claude / "introspect"
    # What a checksum covers is also read with one bit turned over.
    covered = {
        run.path / "emissions.parquet": lambda: RunFolder(run.path).emissions(),
        run.path / "states-emit.safetensors": lambda: RunFolder(run.path).states("emit").array,
        run.path / "states-first.safetensors": lambda: RunFolder(run.path).states("first").array,
        run.path / "states-face.safetensors": lambda: RunFolder(run.path).states("face").array,
        judged / "judgements.parquet": lambda: AnswerFolder(judged).table(),
        shard.with_suffix(".safetensors"): lambda: shards._read_shard(0)[1]["first"].numpy(),
        claude / FILE: lambda: ReplyStore(claude).records(),
    }
    others = {
        run.path / "manifest.json": lambda: RunFolder(run.path).manifest,
        shard.with_suffix(".parquet"): lambda: shards._read_shard(0)[0],
        place / "scores.parquet": lambda: score_file(MODEL, **scores, progress=False),
        judged / "manifest.json": lambda: AnswerFolder(judged).manifest,
    }
    for path, read in {**covered, **others}.items():
        content, whole = path.read_bytes(), read()
        for wrong in [*damages(content), *(flips(content) if path in covered else ())]:
            path.write_bytes(wrong)
            count.tried += 1
            count.rows += 1
            try:
                if not _equal(read(), whole):
                    print(f"  {path.name}: changed and read")
                    count.changed += 1
            except KaomojiError as error:
                count.broken += "\n" in str(error) or path.name.split(".")[0] not in str(error)
            except Exception as error:
                print(f"  {path.name}: {type(error).__name__}: {error}")
                count.broken += 1
        path.write_bytes(content)
    return count
