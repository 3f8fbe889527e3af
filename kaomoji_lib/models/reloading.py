"""The model behind a finished run, loaded again to compute what the run folder lacks."""

import dataclasses

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import loading
from kaomoji_lib.runs import registry


def reload(run, device="auto"):
    """Load the engine that a run was collected with, in the run's dtype.

    Raises
    ------
    KaomojiError
        If the run comes from no model that can be loaded, or the model has changed since.
    """
    model = run.manifest["model"]
    if "template_sha256" not in model:
        raise KaomojiError(
            f"{run.path} was not collected from a local model; expected one, since it has to be asked again"
        )
    engine = loading.load(spec(run), device, run.manifest["settings"]["dtype"], revision(run))
    if engine.revision != model["revision"] or engine.template.hash != model["template_sha256"]:
        raise KaomojiError(
            f"the model of {run.path} has changed since it was collected; collect again into a new folder"
        )
    return engine


def spec(run, model=None):
    """Return the :class:`kaomoji_lib.runs.registry.ModelSpec` of the run's model, with the run's own template options.

    It is found by the folder where it was, its alias or its id; ``model``: a name to use instead.
    """
    settings, alias = run.manifest["settings"], run.manifest["model"]["alias"]
    own = {name: settings[name] for name in ("adapter", "quantize") if name in settings}
    if "interventions" in settings:
        own["interventions"] = tuple(settings["interventions"])
    for name in run.model_names if model is None else [model]:
        try:
            found = registry.model(name)
        except KaomojiError:
            if model is not None:
                raise
            continue
        if found.weights and alias in registry.aliases():
            # Several entries may share one file.
            found = registry.model(alias, weights=found.weights)
        return dataclasses.replace(found, **own)
    raise KaomojiError(
        f"the model of {run.path} is not to be found; expected {' or '.join(map(repr, run.model_names))}; "
        "put the folder back where it was"
    )


def revision(run):
    """Return the commit of a model of the hub that the run was collected with, else None."""
    return run.manifest["model"]["revision"] if run.manifest["model"].get("from_hub") else None
