"""What is stored of a service's answers, what is under way, and what it cost. Needs neither key nor network."""

from kaomoji_lib import html as escape
from kaomoji_lib.claude.answers import TABLES, AnswerFolder
from kaomoji_lib.claude.replies import ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.folder import default_folder


def folders():
    """Folders of answers in their usual place, sorted."""
    place = default_folder("x").parent
    return sorted(path for path in place.glob("claude-*") if path.is_dir())


def status(folder):
    """A few lines of text about one folder.

    Raises
    ------
    KaomojiError
        If there is no such folder, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise KaomojiError(f"{folder} does not exist; expected a folder of answers; check the path")
    store = ReplyStore(folder)
    lines = [f"{folder}: {len(store.records())} replies stored, {store.spent():.4f} US dollars"]
    for method in TABLES:
        run = AnswerFolder(folder / method)
        if run.exists:
            said = run.manifest
            lines.append(
                f"  {method}: {said['status']}, {said['usable']} usable, {said['refused']} refused, {said['missing']} missing, "
                f"{said['unusable']} unusable; {said['model']['title']}"
            )
    lines += [
        f"  batch {entry['id'] or 'without an id'}: {entry['state']}, {len(entry['asks'])} requests"
        for entry in store.batches()
        if entry["state"] in ("submitting", "submitted")
    ]
    lost = store.losses()
    lines += [f"  {len(lost)} answers were sent but arrived unreadable"] if lost else []
    return "\n".join(escape.terminal(line) for line in lines)
