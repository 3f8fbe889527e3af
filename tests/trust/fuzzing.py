"""Made-up input: atheris steers it by coverage where it is installed, otherwise hypothesis makes it up."""

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import hostile  # noqa: E402
import targets  # noqa: E402
from report import Count  # noqa: E402

RUNS = 20_000
# Slow ones, which write files or render templates, get a part of the inputs.
PARTS = {
    "templates": 0.15,
    "chat templates": 0.15,
    "command line": 0.15,
    "tables (CSV)": 0.1,
    "exchange rows": 0.1,
    "exchange files": 0.25,
    "stored JSON": 0.5,
    "extraction": 0.5,
    "replies (JSON lines)": 0.5,
}


def campaign(place, runs):
    counts = []
    for name in [*targets.TEXTS, *targets.PLACED, *targets.BYTES]:
        count = Count("made-up input", name)
        done, broken, said = _run(name, max(1, round(runs * PARTS.get(name, 1))), place)
        count.tried, count.broken = done, broken
        if broken:
            print(said[-1500:])
        counts.append(count)
    return counts


def _run(name, runs, place):
    command = [sys.executable, str(Path(__file__).resolve()), name, str(runs)]
    found = subprocess.run(command, cwd=place, capture_output=True, text=True, errors="replace")
    said = found.stdout + found.stderr
    done = re.findall(r"Done (\d+)", said) or re.findall(r"#(\d+)", said) or [0]
    return int(done[-1]), int(found.returncode != 0), said


def fuzz(name, runs):
    """One target in this process; ends it."""
    place = Path(tempfile.mkdtemp())
    if name in targets.PLACED:

        def feed(data):
            targets.PLACED[name](_text(data), place / "x" if name == "exchange rows" else place)
    elif name in targets.BYTES:

        def feed(data):
            targets.BYTES[name](data, place / "file.jsonl")
    else:

        def feed(data):
            targets.TEXTS[name](_text(data))

    if importlib.util.find_spec("atheris"):
        import atheris

        seeds = place / "seeds"
        seeds.mkdir()
        for number, text in enumerate(hostile.strings()):
            (seeds / str(number)).write_bytes(text.encode("utf-8", "surrogatepass")[:400])
        for function in (targets.extraction, targets.canonical_form, targets.exchange_file):
            atheris.instrument_func(function)
        atheris.Setup(
            [
                sys.argv[0],
                f"-runs={runs}",
                "-max_len=400",
                "-rss_limit_mb=0",
                "-timeout=60",
                "-verbosity=1",
                str(seeds),
            ],
            feed,
        )
        atheris.Fuzz()
    else:
        from hypothesis import HealthCheck, given, settings
        from hypothesis import strategies as st

        settings(
            max_examples=runs, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )(given(st.binary(max_size=400))(feed))()
        print(f"Done {runs}")


def _text(data):
    return data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("latin-1")


def _is_text(data):
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


if __name__ == "__main__":
    if importlib.util.find_spec("atheris"):
        import atheris

        with atheris.instrument_imports(
            include=["kaomoji_lib.faces", "kaomoji_lib.runs", "kaomoji_lib.claude.exchanges"]
        ):
            for module in [name for name in sys.modules if name.startswith("kaomoji_lib")] + [
                "targets"
            ]:
                sys.modules.pop(module, None)
            import targets
    fuzz(sys.argv[1], int(sys.argv[2]))
