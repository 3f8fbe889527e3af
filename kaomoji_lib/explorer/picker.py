"""The picker: for each message and model, the likeliest kaomoji of the closed set, on a page without a kernel."""

from collections import Counter
from dataclasses import dataclass

from kaomoji_lib import page
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


def payload(runs, messages, reference):
    """Return the data of a picker, as JSON can write it: dict.

    ``runs``: RunFolders whose closed set has been scored. ``messages``: DataFrame[id, category, text]; a run's message is shown
    if id and text are the same. ``reference``: :class:`.human.Reference`.

    ``messages`` (text and category's name), ``faces`` (face and people's label groups), ``models`` (title, size of the set,
    number of ``frames`` averaged, ``rows``: per message None, or P(the reply opens with one of the set), indices of faces,
    likeliest first, and their probabilities given that it does).
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
            best = row.sort_values(ascending=False, kind="stable").head(TOP)
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
    labels = {
        face: [name for name, _ in Counter(groups).most_common()]
        for face, groups in reference.groups(faces).items()
    }
    return {"messages": named, "faces": [[f, labels.get(f, [])] for f in faces], "models": models}
