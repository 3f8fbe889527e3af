"""How closely a run made now meets a run that was made elsewhere: same model, same messages, another machine."""

import numpy as np
import pandas as pd


def compare(kept, made, kept_scores, made_scores):
    """Compare two runs on the messages of the second: DataFrame[what, compared, agreement].

    ``kept``, ``made``: :class:`kaomoji_lib.runs.folder.RunFolder`; the scores: tables of
    :func:`kaomoji_lib.models.choose.score_inventory`. Rows: the states of the layers that both have (largest distance of
    two, as a share of the state's norm; float16 alone makes about 0.0005), the closed set (largest difference of log P in
    nats), and the replies (share of equal texts: equal random streams give equal replies unless a choice is closer than
    rounding errors).
    """
    distance = distances(kept, made)
    scores = kept_scores.merge(made_scores, on=["prompt_id", "spelling"], suffixes=("", "_made"))
    apart = (scores["log_prob"] - scores["log_prob_made"]).abs().max()
    replies = kept.emissions().merge(
        made.emissions(), on=["prompt_id", "generation"], suffixes=("", "_made")
    )
    same = [
        one.startswith(two) or two.startswith(one)
        for one, two in zip(replies["text"], replies["text_made"], strict=True)
    ]
    rows = [
        (
            "hidden states",
            f"{len(distance)} messages × {distance.shape[1]} layers",
            f"within {distance.max():.2%} of their norm",
        ),
        ("log P(kaomoji | message)", f"{len(scores):,} values", f"within {apart:.4f} nats"),
        (
            "replies",
            f"{len(replies)} replies",
            f"{np.mean(same):.0%} are the same text, as far as both were generated",
        ),
    ]
    return pd.DataFrame(rows, columns=["what", "compared", "agreement"])


def distances(kept, made):
    """Return how far apart the states of two runs are, as a share of the norm of ``kept``'s: (messages, layers).

    The messages are those of ``made``, the layers those that both runs have.
    """
    ids = list(made.prompts()["id"])
    layers = [name for name in kept.states("emit").layers if name in made.states("emit").layers]
    first, second = (_states(run, ids, layers) for run in (kept, made))
    return np.linalg.norm(first - second, axis=-1) / np.linalg.norm(first, axis=-1)


def _states(run, ids, layers):
    kept = run.states("emit")
    order = pd.Index(run.prompts()["id"]).get_indexer(ids)
    places = [kept.layers.index(name) for name in layers]
    return kept.array[order][:, places].astype(np.float64)


def side_by_side(messages, kept_scores, made_scores, replies):
    """Show each message with its likeliest kaomoji in both tables of scores and the first reply.

    ``messages``: DataFrame[id, category, text]; ``replies``: DataFrame[prompt_id, generation, text]. Returns
    DataFrame[category, message, live, shipped, reply]; a percentage is the share among the closed set.
    """
    first = replies[replies["generation"] == 0].set_index("prompt_id")["text"]
    likeliest = {
        name: messages["id"].map(_likeliest(table))
        for name, table in (("live", made_scores), ("shipped", kept_scores))
    }
    shown = messages[["category"]].assign(message=messages["text"], **likeliest)
    return shown.assign(reply=messages["id"].map(first))


def _likeliest(table):
    best = table.loc[table.groupby("prompt_id")["log_prob_closed"].idxmax()].set_index("prompt_id")
    shares = np.exp(best["log_prob_closed"]) / best["listed"]
    return best["face"] + [f"\u00a0{share:.0%}" for share in shares]
