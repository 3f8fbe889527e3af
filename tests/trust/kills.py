"""Processes killed at random moments and started again, until they end; then compared with undisturbed ones."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from unittest import mock

import numpy as np
import pandas as pd
from report import ROOT, Count

from kaomoji_lib.claude import standin
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stimuli import load_prompts

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
COMMAND = [sys.executable, "-m", "kaomoji_lib"]
SECONDS = re.compile(r"seconds for this page[^0-9]*[0-9]+|20\d\d-\d\d-\d\dT[\d:]+Z?")


def killed(command, kills, begin, finished, seed, earliest=0.3, environment=None):
    """Run ``command`` in rounds; kill it ``kills`` times in all, never more than a few times a round.

    ``begin()`` empties the place of the work, ``finished()`` is called when a run got through. Returns the number of kills.
    """
    environment, moments, done = {**ENVIRONMENT, **(environment or {})}, random.Random(seed), 0
    begin()
    started = time.monotonic()
    subprocess.run(command, check=True, env=environment, capture_output=True, cwd=ROOT)
    whole = time.monotonic() - started
    finished()
    while done < kills:
        begin()
        print(f"  {done} of {kills} kills", end="\r", file=sys.stderr, flush=True)
        for _ in range(min(8, kills - done)):
            started = time.monotonic()
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=ROOT,
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                process.wait(timeout=moments.uniform(earliest, 1.0) * whole)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                done += 1
                continue
            if process.returncode:
                raise SystemExit(f"{command} ended with code {process.returncode}")
            # A machine that is busy at first and idle later would never see a kill again.
            whole = min(whole, time.monotonic() - started)
            break
        subprocess.run(command, check=True, env=environment, capture_output=True, cwd=ROOT)
        finished()
    return done


def prompts(place, number):
    path = place / "prompts.csv"
    load_prompts().groupby("category").head(number).to_csv(path, index=False)
    return path


def _rows(table, keys):
    return [
        (tuple(row[key] for key in keys), json.dumps(row, default=str, sort_keys=True))
        for row in table.to_dict("records")
    ]


def collecting(place, kills):
    count, out, whole = Count("kill -9", "collecting replies and states"), place / "run", {}
    command = [
        *COMMAND,
        "collect",
        "organism-gemma",
        "--prompts",
        prompts(place, 4),
        "--generations",
        "2",
        "--out",
        out,
        "--quiet",
    ]

    def begin():
        shutil.rmtree(out, ignore_errors=True)

    def finished():
        run = RunFolder(out)
        rows = _rows(run.emissions(), ("prompt_id", "generation"))
        for position in ("emit", "first", "face"):
            states = run.states(position)
            rows += [
                ((position, *map(str, key)), hashlib.sha256(array.tobytes()).hexdigest())
                for key, array in zip(
                    states.index.itertuples(index=False), states.array, strict=True
                )
            ]
        if not whole:
            whole.update(rows)
        else:
            count.compare(whole, rows)
        count.broken += len(list(out.rglob("*.part")))

    count.tried = killed([str(word) for word in command], kills, begin, finished, seed=1)
    return count


def workers(place, kills):
    """A Ray cluster of two nodes: the worker that hands in a part dies at once, every run another part; the others take over."""
    import ray
    from ray.cluster_utils import Cluster

    from kaomoji_lib.models import workers as crews
    from kaomoji_lib.models.collect import collect

    count, real = Count("kill -9", "workers of a Ray cluster"), crews.run_distributed
    settings = {"prompts": prompts(place, 4), "generations": 2, "progress": False}

    alone = collect("organism-gemma", out=place / "alone", **settings)
    whole = dict(_rows(alone.emissions(), ("prompt_id", "generation")))
    os.environ |= {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 10**8},
    )
    cluster.add_node(num_cpus=1, object_store_memory=10**8)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        while count.tried < kills:
            fatal = count.tried % 3

            def deadly(*arguments, fatal=fatal):
                for number, found in enumerate(real(*arguments)):
                    if number == fatal:
                        os.kill(int(found[1]["worker"].rpartition(":")[2]), signal.SIGKILL)
                        count.tried += 1
                    yield found

            out = place / f"dealt-{count.tried}"
            with mock.patch.object(crews, "run_distributed", deadly):
                run = collect("organism-gemma", out=out, ray="auto", **settings)
            count.compare(whole, _rows(run.emissions(), ("prompt_id", "generation")))
            count.changed += sum(
                not np.allclose(run.states(position).array, alone.states(position).array, atol=1e-5)
                for position in ("emit", "first", "face")
            )
            count.broken += len(list(out.rglob("*.part")))
            shutil.rmtree(out)
    finally:
        ray.shutdown()
        cluster.shutdown()
    return count


def scoring(place, kills):
    count, out, whole = Count("kill -9", "scoring faces"), place / "scores.parquet", {}
    faces = place / "faces.txt"
    faces.write_text(
        "\n".join(["(^_^)", "(T_T)", "(>_<)", "(・_・)", "(◕‿◕)", "(ಠ_ಠ)", "(╯°□°)"]),
        encoding="utf-8",
    )
    command = [
        *COMMAND,
        "score",
        "organism-gemma",
        "--faces",
        faces,
        "--prompts",
        prompts(place, 6),
        "--out",
        out,
        "--quiet",
    ]

    def begin():
        out.unlink(missing_ok=True)
        shutil.rmtree(place / f".{out.name}.parts", ignore_errors=True)

    def finished():
        rows = _rows(pd.read_parquet(out).round(5), ("prompt_id", "spelling"))
        if not whole:
            whole.update(rows)
        else:
            count.compare(whole, rows)
        count.broken += (place / f".{out.name}.parts").exists() + len(list(place.glob(".*.part")))

    count.tried = killed([str(word) for word in command], kills, begin, finished, seed=2)
    return count


def asking(place, kills, batch=False):
    """Replies of the stand-in. Compared: what was stored before a kill, what was paid for it, and that none is missing."""
    count, out = (
        Count("kill -9", f"asking Claude's stand-in, {'in batches' if batch else 'one by one'}"),
        place / f"claude-{batch}",
    )
    rules = standin.Rules()
    rules(standin_question(), 0)

    def slowly(params, occurrence):
        time.sleep(0 if batch else 0.01)
        return rules(params, occurrence)

    with standin.StandIn(answers=slowly, batch_seconds=0.4) as server:
        environment = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "none-needed"}
        command = [
            *COMMAND,
            "claude",
            "elicit",
            "--model",
            "claude-haiku-4-5",
            "--runs",
            "1",
            "--out",
            out,
            "--workers",
            "2",
            "--quiet",
            *(["--batch", "--poll", "0.05"] if batch else []),
        ]
        stored = {}

        def look():
            return {path.name: path.read_bytes() for path in out.glob("replies/*/*.json")}

        def begin():
            shutil.rmtree(out, ignore_errors=True)
            server.paid.clear()
            server.stored.clear()
            stored.clear()

        def finished():
            kept = look()
            rows = pd.read_parquet(out / "elicit" / "emissions.parquet")
            count.compare(
                {key: None for key in load_prompts()["id"]},
                [(key, None) for key in rows["prompt_id"]],
            )
            count.changed += sum(kept.get(name) != content for name, (content, _) in stored.items())
            count.duplicated += sum(
                server.paid[_paid_for(content)] != paid for content, paid in stored.values()
            )
            # A batch answers every question once, however often its maker died.
            count.duplicated += sum(server.paid.values()) - len(rows) if batch else 0
            count.broken += len(list(out.rglob("*.part")))

        real_run = subprocess.Popen

        class Watched(real_run):
            """What lies on the disk when a process is about to start was stored by one that is gone."""

            def __init__(self, *arguments, **named):
                for name, content in look().items():
                    stored.setdefault(name, (content, server.paid[_paid_for(content)]))
                super().__init__(*arguments, **named)

        subprocess.Popen = Watched
        try:
            count.tried = killed(
                [str(word) for word in command],
                kills,
                begin,
                finished,
                seed=3 + batch,
                earliest=0.4,
                environment=environment,
            )
        finally:
            subprocess.Popen = real_run
    return count


def standin_question():
    return {"messages": [{"role": "user", "content": "x"}]}


def _paid_for(content):
    return standin._digest(json.loads(content)["params"])


def building(place, kills):
    """A book of one page: killed while the page runs or while the HTML is made."""
    count, copy, whole = Count("kill -9", "building the book"), place / "copy", {}
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file() and not name.startswith(
            ("tests/", "data/organisms/g", "data/organisms/q")
        ):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    for path in (copy / "book").glob("*.md"):
        path.unlink()
    (copy / "book" / "index.md").write_text("# A book of one page\n", encoding="utf-8")
    (copy / "book" / "runs.yml").write_text(
        "root: index\nparts:\n- caption: The study\n  pages:\n  - {notebook: stimuli, page: stimuli, title: What the models are shown}\n",
        encoding="utf-8",
    )
    pages, html = copy / "book" / "runs", copy / "_build"

    def begin():
        shutil.rmtree(pages, ignore_errors=True)
        shutil.rmtree(html, ignore_errors=True)

    def finished():
        rows = {
            str(path.relative_to(copy)): hashlib.sha256(
                SECONDS.sub("", path.read_text(encoding="utf-8")).encode()
            ).hexdigest()
            for path in [*pages.glob("*.ipynb"), *(html / "html").rglob("*.html")]
            if not path.name.startswith(".")
        }
        if not whole:
            whole.update(rows)
        else:
            count.compare(whole, rows)

    count.tried = killed(
        [sys.executable, str(copy / "book" / "build.py"), "--jobs", "1"],
        kills,
        begin,
        finished,
        seed=5,
        earliest=0.05,
        environment={"PYTHONPATH": str(copy)},
    )
    return count
