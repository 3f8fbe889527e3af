"""The picker: for each message and model, the likeliest kaomoji of the closed set. A page of the book without a kernel;
in a notebook, a form that asks a model anything.
"""

from dataclasses import dataclass

import pandas as pd

from kaomoji_lib import page, tables
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import choices
from kaomoji_lib.models import choose

MIME = "application/vnd.kaomoji.picker+json"
TOP = 10


@dataclass(frozen=True)
class Picker:
    """``payload``: what :func:`payload` returns; displayed by the book, and named by its counts elsewhere."""

    payload: dict

    def _repr_mimebundle_(self, include=None, exclude=None):
        counts = [len(self.payload[name]) for name in ("messages", "models")]
        text = "{} messages, {} models: the book draws this cell as a picker".format(*counts)
        return {MIME: self.payload, "text/plain": text}


def payload(runs, messages, reference, top=TOP):
    """Return the data of a picker, as JSON can write it.

    Parameters
    ----------
    runs : list of :class:`kaomoji_lib.runs.folder.RunFolder` whose closed set has been scored.
    messages : DataFrame[id, category, text]; a run's message is shown if id and text are the same.
    reference : :class:`kaomoji_lib.metrics.human.Reference`.
    top : int, how many kaomoji per message.

    Returns
    -------
    dict with ``messages`` (text and category's name), ``faces`` (face and people's label groups), ``models`` (title,
    size of the set, number of ``frames`` averaged, ``rows``: per message None, or P(the reply opens with one of the set),
    indices of faces, likeliest first, and their probabilities given that it does).
    """
    faces, models = {}, []
    for run in runs:
        table = choose.closed_set(run)
        own = run.prompts().merge(messages[["id", "text"]], on=["id", "text"]).set_index("id")
        scores = table.pivot(index="prompt_id", columns="spelling", values="log_prob_closed")
        scores = scores.loc[[name for name in own.index if name in scores.index]]
        chances = choices.choice(scores, own.loc[scores.index, "category"])
        listed = table.groupby("prompt_id")["listed"].first()
        rows = {}
        for name, row in chances.iterrows():
            best = row.sort_values(ascending=False, kind="stable").head(top)
            places = [faces.setdefault(face, len(faces)) for face in best.index]
            rows[name] = [float(f"{listed[name]:.3g}"), places, [round(p, 5) for p in best]]
        frames = sum(name.startswith("template_") for name in table)
        models.append(
            {
                "title": page.spec(run.manifest["model"]).title,
                "size": scores.shape[1],
                "frames": frames,
                "rows": [rows.get(name) for name in messages["id"]],
            }
        )
    gloss = reference.scheme.gloss
    named = [[row.text, gloss(row.category)] for row in messages.itertuples()]
    labels = groups(reference, faces)
    return {"messages": named, "faces": [[f, labels.get(f, [])] for f in faces], "models": models}


def groups(reference, faces):
    """Return dict face -> label groups that people gave it, most frequent first; faces without one are left out."""
    rows = reference.lookup(faces)["rows"]
    given = {face: reference.entries["groups"].iloc[r].explode() for face, r in rows.items()}
    return {face: list(one.value_counts().index) for face, one in given.items()}


def form(models, reference, top=TOP):
    """Return an ipywidgets form: a message, a model of ``models`` (registry aliases), and a button that asks it.

    A model is loaded when it is first asked, and kept.
    """
    import ipywidgets as widgets

    wide = {"layout": {"width": "36rem"}, "style": {"description_width": "5rem"}}
    message = widgets.Textarea("My train was cancelled, again.", description="Message", **wide)
    model = widgets.Dropdown(options=list(models), description="Model", **wide)
    button, answer, loaded = widgets.Button(description="Ask"), widgets.Output(), {}

    def show(_):
        answer.clear_output()
        button.disabled = True
        with answer:
            try:
                _show(loaded, model.value, message.value, reference, top)
            except KaomojiError as error:
                print(error)
            finally:
                button.disabled = False

    button.on_click(show)
    return widgets.VBox([message, model, button, answer])


def _show(loaded, alias, message, reference, top):
    from IPython.display import display

    from kaomoji_lib.models import loading
    from kaomoji_lib.models.choose import ask
    from kaomoji_lib.runs import registry

    engine, check = loaded.get(alias) or (loading.load(registry.model(alias)), None)
    result = ask(engine, message, check=check)
    loaded[alias] = engine, result.check
    best = result.faces.head(top)
    labels = groups(reference, best["face"])
    people = [", ".join(labels.get(face, ["no label"])) for face in best["face"]]
    shown = pd.DataFrame(
        {"kaomoji": best["face"], "probability": best["probability"], "people's labels": people}
    )
    caption = f"The reply opens with one of {len(result.faces)} kaomoji: {result.listed:.2g}"
    display(tables.table(shown, caption, faces=["kaomoji"], formats={"probability": ".1%"}))
