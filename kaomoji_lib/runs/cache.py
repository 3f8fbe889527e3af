"""Former name of :meth:`kaomoji_lib.runs.folder.RunFolder.cached`."""


def derived(run, name, settings, make):
    return run.cached(name, settings, make)
