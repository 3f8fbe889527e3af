"""Faults injected one at a time: a service that misbehaves, files that rot, a disk that refuses, memory that runs out."""

import contextlib
import errno
import functools
import json
import os
import shutil
from unittest import mock

import numpy as np
import pandas as pd
from kaomoji_lib.claude.answers import AnswerFolder
from kaomoji_lib.claude.replies import ReplyStore
from kaomoji_lib.claude.standin import StandIn
from kaomoji_lib.claude.standin_faults import BATCH_FAULTS, FAULTS
from kills import prompts
from report import Count

from kaomoji_lib.claude import elicit, introspect, service, synthesize
from kaomoji_lib.claude import exchanges as rows_of
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import loading
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.collect import collect
from kaomoji_lib.models.score.job import score_file
from kaomoji_lib.runs import control_states as kept
from kaomoji_lib.runs import files
from kaomoji_lib.runs.folder import RunFolder

MODEL = "claude-haiku-4-5"
FACES = ["(◕‿◕)", "(T_T)", "(>_<)", "(・_・)", "(^_^)", "(ಠ_ಠ)"]
REFUSALS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO)
LOST_ON_THE_WAY = ("cut-body",)


def campaign(place):
    return [
        serving(place),
        batching(place),
        rotting(place),
        refusing(place),
        running_out(place),
        elsewhere(place),
    ]


def _methods(few):
    exchanges = rows_of.opened(
        [("m", f"hello {number}", f"{face} hi") for number, face in enumerate(FACES)]
    )
    return {
        "elicit": lambda settings: elicit.elicit(settings, few, runs=1),
        "introspect": lambda settings: introspect.introspect(settings, FACES),
        "synthesize": lambda settings: synthesize.synthesize(settings, exchanges),
    }


def _asked(place, few, count, names, **server):
    """Every method under one fault after the other: reported, completed by the command it names, nothing paid for twice."""
    for name in names:
        for method, ask in _methods(few).items():
            out = place / f"{name}-{method}-{'batch' if server else 'single'}"
            settings = {
                "out": str(out),
                "retries": 2,
                "timeout": 1.0,
                "poll": 0.01,
                "workers": 2,
                "batch": bool(server),
            }
            with (
                StandIn(
                    stall=1.3, **({"batch_faults": [name]} if server else {"faults": [name]})
                ) as there,
                mock.patch.dict(
                    os.environ,
                    {"ANTHROPIC_BASE_URL": there.url, "ANTHROPIC_API_KEY": "none-needed"},
                ),
            ):
                count.tried += 1
                try:
                    _, found = ask(service.Settings(MODEL, **settings))
                    stored = {path.name: path.read_bytes() for path in out.glob("replies/*/*.json")}
                    count.broken += bool(
                        (found.missing or found.unusable) and "kaomoji claude" not in found.command
                    )
                    again = bool(found.unusable)
                    folder, found = ask(service.Settings(MODEL, again=again, **settings))
                except Exception as error:
                    print(f"  {name}, {method}: {type(error).__name__}: {error}")
                    count.broken += 1
                    continue
            kept = {path.name: path.read_bytes() for path in out.glob("replies/*/*.json")}
            count.rows += found.wanted
            count.lost += len(found.missing) + sum(
                content not in kept.values() for content in stored.values()
            )
            extra = sum(there.paid.values()) - found.wanted
            count.duplicated += max(0, extra - again - (name in LOST_ON_THE_WAY))


def serving(place):
    count = Count("fault", "a service that misbehaves")
    _asked(place, prompts(place, 1), count, FAULTS)
    return count


def batching(place):
    count = Count("fault", "batches with failed items")
    _asked(place, prompts(place, 1), count, BATCH_FAULTS, batch_seconds=0.0)
    return count


def damages(content, many=24):
    """A file cut, emptied, zeroed, and with single bits turned over."""
    middle = len(content) // 2
    yield from (
        b"",
        content[:middle],
        content[:-1],
        content[:8],
        b"\0" * len(content),
        content[:middle] + b"\0" * (len(content) - middle),
    )
    for place in np.linspace(0, len(content) - 1, many).astype(int):
        yield content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def _equal(one, other):
    if isinstance(one, pd.DataFrame):
        return one.equals(other)
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def rotting(place):
    """Every file of every store: damaged, it is refused by name, or what is read is what was written."""
    import torch

    count = Count("fault", "damaged and cut files")
    few = prompts(place, 2)
    settings = {"prompts": few, "generations": 1, "progress": False}
    run = collect("organism-gemma", out=place / "run", **settings)
    with mock.patch.object(RunFolder, "merge", lambda run, count, **facts: None):
        collect("organism-gemma", out=place / "unfinished", **settings)
    (place / "faces.txt").write_text("\n".join(FACES), encoding="utf-8")
    scores = {
        "model": "organism-gemma",
        "faces": place / "faces.txt",
        "prompts": few,
        "out": place / "scores.parquet",
        "progress": False,
    }
    score_file(**scores)
    with (
        StandIn() as there,
        mock.patch.dict(
            os.environ, {"ANTHROPIC_BASE_URL": there.url, "ANTHROPIC_API_KEY": "none-needed"}
        ),
    ):
        introspect.introspect(service.Settings(MODEL, out=str(place / "claude")), FACES)
    reply = next((place / "claude").glob("replies/*/*.json"))
    key = reply.stem
    ReplyStore(place / "claude").write_batch(
        {
            "stamp": "1",
            "id": "b",
            "state": "submitted",
            "asks": {key: {"about": {}, "params": None}},
        }
    )
    entry = place / "claude" / "batches" / "1.json"
    ReplyStore(place / "claude").lose("ab1", 0.25, "cut-body")
    kept.write(
        run,
        {"user": torch.ones(2, 1, 3), "inputs": torch.ones(2, 3), "random-0": torch.zeros(2, 1, 3)},
        {"seeds": [0]},
    )

    def written(path, found):
        """The fields that were written: a digest whose name was damaged guards nothing, and nothing else was damaged then."""
        return {name: found.get(name) for name in names[path]}

    names = {
        path: sorted(set(json.loads(path.read_bytes())) - {files.SEAL})
        for path in (reply, entry, run.path / "manifest.json")
    }
    readers = {
        run.path / "manifest.json": lambda: written(
            run.path / "manifest.json", RunFolder(run.path).manifest
        ),
        run.path / "emissions.parquet": lambda: RunFolder(run.path).emissions(),
        **{
            run.path / f"states-{position}.safetensors": lambda position=position: (
                RunFolder(run.path).states(position).array
            )
            for position in ("emit", "first", "face")
        },
        **{
            place / "unfinished" / "shards" / f"00000{suffix}": lambda: RunFolder(
                place / "unfinished"
            )._read_shard(0)[0]
            for suffix in (".parquet", ".safetensors")
        },
        place / "scores.parquet": lambda: score_file(**scores),
        run.path / "controls.json": lambda: kept.read(run).user,
        run.path / "controls.safetensors": lambda: kept.read(run).user,
        place / "claude" / "losses.json": lambda: [
            {name: one.get(name) for name in ("key", "usd", "kind")}
            for one in ReplyStore(place / "claude").losses()
        ],
        reply: lambda: written(reply, ReplyStore(place / "claude").get(key)),
        place / "claude" / "introspect" / "manifest.json": lambda: AnswerFolder(
            place / "claude" / "introspect"
        ).table(),
        entry: lambda: written(entry, ReplyStore(place / "claude").batches()[0]),
    }
    for path, read in readers.items():
        content, whole = path.read_bytes(), read()
        for wrong in damages(content):
            path.write_bytes(wrong)
            count.tried += 1
            count.rows += 1
            try:
                same = _equal(read(), whole)
                if not same:
                    print(f"  {path.name}: changed and read")
                count.changed += not same
            except KaomojiError as error:
                count.broken += "\n" in str(error) or path.name.split(".")[0] not in str(error)
            except Exception as error:
                print(f"  {path.name}: {type(error).__name__}: {error}")
                count.broken += 1
        path.write_bytes(content)
    return count


def refusing(place):
    """A disk that refuses the n-th write of a run, for every n: one line, and the same command goes on without loss."""
    count = Count("fault", "full disks and read-only folders")
    settings = {"prompts": prompts(place, 2), "generations": 1, "progress": False}
    whole = collect("organism-gemma", out=place / "whole", **settings)
    expected = {(row.prompt_id, row.generation): row.text for row in whole.emissions().itertuples()}
    for number in REFUSALS:
        for step in ("fsync", "replace"):
            for position in range(8):
                out, real, left = (
                    place / f"{number}-{step}-{position}",
                    getattr(os, step),
                    [position],
                )

                def refuse(*arguments, real=real, left=left, number=number):
                    left[0] -= 1
                    if left[0] < 0:
                        raise OSError(number, os.strerror(number))
                    return real(*arguments)

                count.tried += 1
                with (
                    mock.patch.object(files.os, step, refuse),
                    mock.patch.object(files, "_flush_folder", lambda folder: None),
                ):
                    try:
                        collect("organism-gemma", out=out, **settings)
                        count.broken += 1
                    except KaomojiError as error:
                        count.broken += "could not be written" not in str(error)
                    except Exception as error:
                        print(
                            f"  {os.strerror(number)} at {step} {position}: {type(error).__name__}: {error}"
                        )
                        count.broken += 1
                run = collect("organism-gemma", out=out, **settings)
                count.compare(
                    expected,
                    [
                        ((row.prompt_id, row.generation), row.text)
                        for row in run.emissions().itertuples()
                    ],
                )
                count.changed += not np.array_equal(
                    run.states("first").array, whole.states("first").array
                )
                shutil.rmtree(out)
    return count


def running_out(place):
    """Memory that suffices for some prompts at a time, or for none; two writers on one folder."""
    import torch

    count = Count("fault", "no memory, and two writers")
    settings = {"prompts": prompts(place, 2), "generations": 1, "progress": False}
    whole = collect("organism-gemma", out=place / "roomy", **settings).emissions()
    expected = {(row.prompt_id, row.generation): row.text for row in whole.itertuples()}
    real = sampling.sample
    for most in (1, 2, 3, 5, 7, 9):
        for trouble in (torch.OutOfMemoryError, MemoryError):

            def scarce(engine, messages, *arguments, most=most, trouble=trouble):
                if len(messages) > most:
                    raise trouble("no more memory")
                return real(engine, messages, *arguments)

            count.tried += 1
            with mock.patch.object(sampling, "sample", scarce):
                run = collect(
                    "organism-gemma", out=place / f"{most}-{trouble.__name__}", **settings
                )
            count.compare(
                expected,
                [
                    ((row.prompt_id, row.generation), row.text)
                    for row in run.emissions().itertuples()
                ],
            )
    for open_folder in (
        lambda: collect("organism-gemma", out=place / "busy", **settings),
        lambda: elicit.elicit(
            service.Settings(MODEL, "stand-in", out=str(place / "busy")), settings["prompts"], 1
        ),
    ):
        from filelock import FileLock

        (place / "busy").mkdir(exist_ok=True)
        count.tried += 1
        with FileLock(place / "busy" / ".lock"), mock.patch.object(service, "SHARED_WAIT", 0):
            try:
                open_folder()
                count.broken += 1
            except KaomojiError as error:
                count.broken += "another process" not in str(error)
    with contextlib.suppress(OSError):
        shutil.rmtree(place / "busy")
    return count


def elsewhere(place):
    """Machines that lack the device or the numbers asked for, clocks that go wrong, and runs that another version wrote."""
    import torch

    count = Count("fault", "no GPU or bf16, clocks, versions")
    settings = {"prompts": prompts(place, 1), "generations": 1, "progress": False}
    whole = collect("organism-gemma", out=place / "here", **settings)
    expected = {(row.prompt_id, row.generation): row.text for row in whole.emissions().itertuples()}
    rows = lambda run: [
        ((row.prompt_id, row.generation), row.text) for row in run.emissions().itertuples()
    ]  # noqa: E731
    real = torch.softmax

    def without(lacking, values, *arguments, **named):
        if values.dtype == lacking:
            raise RuntimeError(
                f'"softmax_lastdim_kernel_impl" not implemented for {lacking}\nsecond line'
            )
        return real(values, *arguments, **named)

    gpus = [] if torch.cuda.is_available() else [{"device": name} for name in ("cuda", "cuda:3")]
    numbers = [{"dtype": name, "device": "cpu"} for name in ("bfloat16", "float16")]
    for asked in [
        *gpus,
        *([] if torch.backends.mps.is_available() else [{"device": "mps"}]),
        *numbers,
    ]:
        count.tried += 1
        out = place / "-".join(asked.values()).replace(":", "")
        lacking = functools.partial(without, loading.DTYPES.get(asked.get("dtype")))
        with mock.patch.object(torch, "softmax", lacking):
            try:
                collect("organism-gemma", out=out, **asked, **settings)
                count.broken += 1
            except KaomojiError as error:
                count.broken += "\n" in str(error) or not {"--device", "--dtype"} & set(
                    str(error).split()
                )
            except Exception as error:
                print(f"  {asked}: {type(error).__name__}: {error}")
                count.broken += 1
            # The remedy that the line names: the same folder, other numbers.
            count.compare(expected, rows(collect("organism-gemma", out=out, **settings)))
    for moment in (0, 1, 2_000_000_000, 4_000_000_000):
        for clock in (lambda: 0.0, lambda: 4e9, lambda: -1.0):
            count.tried += 1
            for path in whole.path.iterdir():
                os.utime(path, (moment, moment))
            with mock.patch("time.time", clock):
                count.compare(expected, rows(collect("organism-gemma", out=whole.path, **settings)))
    for moment in (0.0, 4e9):
        count.tried += 1
        with mock.patch("time.time", lambda moment=moment: moment):
            count.compare(
                expected,
                rows(collect("organism-gemma", out=place / f"at {moment:.0f}", **settings)),
            )
    manifest = whole.manifest
    for schema in (0, 2, 99, "1", None, [], 1.5, {"schema": 1}):
        count.tried += 1
        count.rows += 1
        whole.write_manifest({**manifest, "schema": schema})
        try:
            rows(RunFolder(whole.path))
            count.changed += 1
        except KaomojiError as error:
            count.broken += "which this version reads" not in str(error)
    return count
