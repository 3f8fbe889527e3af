"""log P(spelling | prompt): the probability of every face given every prompt, in a table or a resumable Parquet file."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models import job
from kaomoji_lib.models.templates import CONTINUED, LEADS
from kaomoji_lib.runs import files, registry
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts, read_text

PROMPTS_PER_PART = 12


def score(
    engine,
    spellings,
    prompts,
    instruction=INSTRUCTION,
    continued=False,
    check=None,
    sizes=None,
    progress=None,
):
    """Score every spelling given every prompt.

    Natural logarithms, summed over the spelling's tokens, at temperature 1, without length normalisation, end marker
    or intervention: the probability that the reply, white space aside, begins with the spelling. Which white space is
    summed over is measured on this model by the self-check (``leads``).

    Parameters
    ----------
    engine : :class:`kaomoji_lib.models.loading.Engine`.
    spellings : iterable of str, as they are typed; repeated ones are scored once.
    prompts : DataFrame with the columns ``id`` and ``text``.
    continued : for a model without a chat template, average the probabilities over :data:`.templates.CONTINUED`, in
        place of the instruction.
    check : the result of an earlier self-check, so that it is not repeated.
    sizes : :class:`.forward.Sizes`, kept between calls. progress : callable(prompts=).

    Returns
    -------
    DataFrame[prompt_id, spelling, face, log_prob, log_prob_closed, n_tokens], in the order given. ``face`` is the
    canonical form, None where the spelling alone is no face (a lone bracket begins every face and says nothing).
    log-probabilities are NaN where the tokenizer cannot write the spelling. ``log_prob_closed`` adds every token that
    completes the spelling in one step and goes on beyond it (where ``)`` and a line break are one token, its own tokens
    alone miss that mass). ``continued`` adds ``template_1`` ..., log_prob_closed of each text. ``attrs["scoring"]``:
    dtype and self-check.

    Raises
    ------
    KaomojiError
        If the tokenizer can write none of the spellings, or no algorithm agrees with plain forward passes.
    """
    from kaomoji_lib.models import measuring
    from kaomoji_lib.models import spellings as spelled
    from kaomoji_lib.models.forward import in_batches

    spellings = list(dict.fromkeys(spellings))
    if check is None:
        check = self_check(engine, spellings, prompts, instruction, continued)
    templates, messages = _asked(engine, prompts, instruction, continued)
    plan = spelled.plan(engine, spellings, leads=check.get("leads", LEADS))
    encoded = [engine.encode(one.render(text)) for one in templates for text in messages]
    sizes, parts = sizes or sizes_of(check), []

    def measure(group):
        return measuring.measure(engine, group, plan, check["algorithm"], sizes.nodes)

    for group, pair in in_batches(encoded, measure, sizes):
        parts.append(pair)
        if progress:
            progress(prompts=len(group) / len(templates))
    log_probs, closed = (
        np.concatenate(part).reshape(len(templates), -1) for part in zip(*parts, strict=True)
    )
    # Spellings that the tokenizer cannot write are NaN.
    with np.errstate(invalid="ignore"):
        means = [np.logaddexp.reduce(one, axis=0) - np.log(len(one)) for one in (log_probs, closed)]
    read = zip(map(faces.extract, spellings), spellings)
    alone = [one.face if one.raw_face == spelling else None for one, spelling in read]
    columns = {
        "prompt_id": np.repeat(prompts["id"].to_numpy(dtype=object), len(spellings)),
        "spelling": spellings * len(prompts),
        "face": alone * len(prompts),
        "log_prob": means[0],
        "log_prob_closed": means[1],
        "n_tokens": [len(sequence) for sequence in plan.sequences] * len(prompts),
    }
    if len(templates) > 1:
        columns |= {f"template_{place}": one for place, one in enumerate(closed, start=1)}
    table = pd.DataFrame(columns)
    table.attrs["scoring"] = {**check, "dtype": engine.dtype_name}
    return table


def sizes_of(check):
    """Return how much :func:`score` computes at once: :class:`.forward.Sizes`; ``check``: its self-check."""
    from kaomoji_lib.models.forward import Sizes

    # Plain passes gain nothing from batches, and each prompt takes long enough to be reported.
    return Sizes(1) if check["algorithm"] == "plain" else Sizes()


def self_check(engine, spellings, prompts, instruction=INSTRUCTION, continued=False):
    """Return the self-check (:func:`kaomoji_lib.models.verify.scoring`) for :func:`score` with these arguments."""
    from kaomoji_lib.models import verify

    templates, messages = _asked(engine, prompts, instruction, continued)
    return verify.scoring(replace(engine, template=templates[0]), spellings, messages)


def _asked(engine, prompts, instruction, continued):
    """The templates whose probabilities are averaged, and the user messages; texts that are continued have no instruction."""
    templates = [engine.template]
    if continued and engine.template.source is None:
        templates = [replace(engine.template, plain=text, prefill="") for text in CONTINUED]
        instruction = ""
    return templates, [f"{instruction} {text}" for text in prompts["text"]]


def score_file(
    model,
    spellings,
    prompts,
    out,
    *,
    instruction=INSTRUCTION,
    continued=False,
    revision=None,
    device="auto",
    dtype="auto",
    progress=True,
):
    """Score every spelling given every prompt, and write the table.

    Parameters
    ----------
    model : alias, Hugging Face id, folder or :class:`.registry.ModelSpec`. spellings : list of str, or path of a UTF-8
        text file with one per line.
    prompts : path of a CSV file with the columns id, category, text, or such a DataFrame; default this project's.
    out : path of the Parquet file. Parts that a killed run left next to it are used; a finished file is returned.
    instruction, continued : see :func:`score`. revision, device, dtype : see :func:`.loading.load`. progress : bool,
        report on stderr.

    Returns
    -------
    DataFrame of :func:`score`; what it was computed from is in ``attrs["scoring"]``, which the file keeps.

    Raises
    ------
    KaomojiError
        If the file contains other scores (the differences are named), another process is writing it, or something
        cannot be read.
    """
    spec, out = registry.model(model), Path(out)
    if not isinstance(spellings, list):
        spellings = read_spellings(spellings)
    table = prompts if isinstance(prompts, pd.DataFrame) else load_prompts(prompts)
    settings = {
        "model": job.identity(spec),
        "faces": files.digest(spellings)[:12],
        "prompts": files.digest(table[["id", "text"]].to_dict("records"))[:12],
        "instruction": instruction,
        "adapter": spec.adapter,
        "dtype": dtype,
        "continued": continued,
    }
    if out.exists():
        table = files.read_parquet(out, "delete it, or give another --out")
        job.refuse_difference(out, table.attrs.get("scoring", {}).get("settings", {}), settings)
        return table
    folder = out.with_name(f".{out.name}.parts")
    begun = folder / "settings.json"
    with files.folder_lock(folder):
        files.remove_stale_temporary_files(out.parent, name=out.name)
        if begun.is_file():
            unfinished = files.read_json(begun, f"delete {folder} and score again")
            job.refuse_difference(f"{folder} (unfinished)", unfinished, settings)
        files.write_json(begun, settings)
        paths = _fill(folder, spec, spellings, table, settings, (device, revision, progress))
        tables = [_read(path) for path in paths]
        result = pd.concat(tables, ignore_index=True)
        # If self-checks differ between processes, record the worst.
        checks = (table.attrs["scoring"] for table in tables)
        worst = max(checks, key=lambda check: check["largest_difference"])
        result.attrs["scoring"] = {**worst, "settings": settings}
        files.write_parquet(out, result)
    shutil.rmtree(folder, ignore_errors=True)
    return result


def read_spellings(path):
    """Read the spellings of a text file, one per line, without empty lines and repetitions: list of str.

    Raises
    ------
    KaomojiError
        If the file cannot be read as UTF-8, or has none.
    """
    expected = "a UTF-8 text file with one spelling per line"
    lines = map(str.strip, read_text(path, expected).split("\n"))
    spellings = list(dict.fromkeys(filter(None, lines)))
    if not spellings:
        raise KaomojiError(f"{path} has no spelling; expected {expected}; add one")
    return spellings


def _fill(folder, spec, spellings, prompts, settings, how):
    """Score the parts that the folder lacks: the paths of all its parts. ``how``: device, revision, whether to report."""
    from kaomoji_lib.models import loading

    parts, engine, (device, revision, progress) = job.in_parts(prompts, PROMPTS_PER_PART), None, how
    paths = [folder / f"{number:05d}.parquet" for number in range(len(parts))]
    finished = [path for path in paths if path.is_file() and not spec.is_local]
    if finished and not revision:
        # A newer commit of the hub would be another model.
        revision = _read(finished[0]).attrs["scoring"]["revision"]
    options = {name: settings[name] for name in ("instruction", "continued")}
    rest = job.unfinished(spec.title, parts, lambda number: paths[number].is_file(), progress)
    for number, part, report in rest:
        if engine is None:
            engine = loading.load(spec, device, settings["dtype"], revision, progress)
            check = self_check(engine, spellings, prompts, **options)
            options |= {"check": {**check, "revision": engine.revision}, "sizes": sizes_of(check)}
        found = score(engine, spellings, part, progress=report, **options)
        files.write_parquet(paths[number], found)
    return paths


def _read(path):
    return files.read_parquet(
        path, "delete it and run the same command again: only that part is scored again"
    )
