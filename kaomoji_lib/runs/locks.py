"""Former names, until collect and score use :func:`kaomoji_lib.runs.files.folder_lock`."""

from kaomoji_lib.runs.files import folder_lock as alone  # noqa: F401
