"""What a run's states are held against: kept beside the run, in files that name what they were measured from.

``controls.safetensors``   ``user``, ``inputs`` and ``twin-<seed>``
``controls.json``          the run's model, the seeds, the versions, the SHA-256 of the tensors
"""

from dataclasses import dataclass

import numpy as np

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import atomic, read_sealed, sha256, write_sealed

SCHEMA = 1


@dataclass(frozen=True)
class Controls:
    """``user``: states at the user turn's last token (prompts, layers, hidden); ``inputs``: the model's own input
    embeddings averaged over the prompt's tokens (prompts, hidden); ``twins``: emission states of models of the same
    architecture with random weights, each (prompts, layers, hidden). float32, rows in the order of the run's prompts.
    """

    user: np.ndarray
    inputs: np.ndarray
    twins: tuple


def _key(run):
    manifest = run.manifest
    return {
        "schema": SCHEMA,
        "revision": manifest["model"]["revision"],
        "template": manifest["model"]["template_sha256"],
        "prompts": manifest["settings"]["prompts"],
        "instruction": manifest["instruction"],
    }


def present(run):
    """Whether the run folder holds controls of this very run. Raises KaomojiError where what it says of them is damaged."""
    if (
        not (run.path / "controls.json").is_file()
        or not (run.path / "controls.safetensors").is_file()
    ):
        return False
    kept = _facts(run)
    return {name: kept.get(name) for name in _key(run)} == _key(run)


def _facts(run):
    return read_sealed(
        run.path / "controls.json",
        "delete it; the page measures the controls anew where the model can be loaded",
    )


def write(run, tensors, facts):
    """Keep ``tensors`` (dict of torch tensors) beside the run; ``facts`` go into the JSON file."""
    from safetensors.torch import save_file

    path = run.path / "controls.safetensors"
    with atomic(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)
    write_sealed(run.path / "controls.json", {**_key(run), **facts, "sha256": sha256(path)})


def read(run):
    """The :class:`Controls` of a run.

    Raises
    ------
    KaomojiError
        If there are none, or the file is not the one that was written.
    """
    from safetensors.torch import load_file

    path = run.path / "controls.safetensors"
    if not present(run):
        raise KaomojiError(
            f"{run.path} holds no controls of this run; expected controls.safetensors; the page measures them where the model can be loaded"
        )
    if sha256(path) != _facts(run).get("sha256"):
        raise KaomojiError(
            f"{path} is not the file that was written (its SHA-256 differs); delete it"
        )
    # Copies: the loaded tensors are windows into the file, which may be replaced.
    found = {name: tensor.float().clone().numpy() for name, tensor in load_file(path).items()}
    twins = tuple(found[name] for name in sorted(found) if name.startswith("twin-"))
    return Controls(found["user"], found["inputs"], twins)
