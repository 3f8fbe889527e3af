"""Stored replies as rows of a table: which of them answer the question, and what is wrong with the others."""

from kaomoji_lib.claude.service import other_model
from kaomoji_lib.claude.strict import NotAnswered


def complaint(read):
    """What is wrong with a reply that ``read`` (record -> dict) cannot take: a function of record and ask, whose text is empty where nothing is.

    A refusal is an answer, of which there is nothing to read.
    """

    def problem(record, ask):
        if said := other_model(record, ask.params["model"]):
            return said
        if record["stop_reason"] == "refusal":
            return ""
        try:
            read(record)
        except NotAnswered as error:
            return str(error)
        return ""

    return problem


def rows(service, asks, problem, read):
    """What ``read`` finds in the replies that are answers, each beside its source and what it was asked about: list of dicts."""
    found = []
    for ask in asks:
        record = service.stored(ask)
        if record is not None and record["stop_reason"] != "refusal" and not problem(record, ask):
            found.append({"source": service.settings.label, **ask.about, **read(record)})
    return found
