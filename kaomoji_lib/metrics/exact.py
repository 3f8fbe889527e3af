"""The exact distribution over what opens a reply: every face once, and all else as ``other``.

"The reply begins with ``(^_^)``" contains "the reply begins with ``(^_^)/``". Added up as they are scored, nested spellings
would count twice; here each keeps what its extensions do not take. Two spellings of which neither begins with the other
exclude each other, so that what is left is a distribution.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.metrics.likelihoods import CLOSED

SLACK = 1e-3


@dataclass(frozen=True)
class Exact:
    """P(face | prompt) and what is left.

    ``table``: DataFrame prompt x face, probabilities. ``other``: Series over the prompts, the probability that the reply
    opens with none of the faces. Rows of both sum to 1.
    """

    table: pd.DataFrame
    other: pd.Series

    @property
    def conditional(self):
        """P(face | prompt, the reply opens with one of the faces): DataFrame prompt x face, rows sum to 1."""
        return self.table.div(self.table.sum(axis=1), axis=0)


def distribution(scores, column=CLOSED):
    """The :class:`Exact` distribution from scored spellings.

    Parameters
    ----------
    scores : DataFrame of :func:`kaomoji_lib.models.score.scoring.score`. column : ``log_prob_closed`` or ``log_prob``.

    Raises
    ------
    KaomojiError
        If the column is empty, or the probabilities exceed 1 by more than rounding: then they are not of exclusive events.
    """
    kept = scores[scores["face"].notna() & scores[column].notna()]
    if kept.empty:
        raise KaomojiError(
            f"the scores hold no {column} of a face; score again with it, or choose another column"
        )
    face = kept.drop_duplicates("spelling").set_index("spelling")["face"]
    wide = np.exp(
        kept.pivot(index="prompt_id", columns="spelling", values=column).loc[
            kept["prompt_id"].unique(), face.index
        ]
    )
    own = exclusive(wide)
    table = own.T.groupby(face, sort=False).sum().T
    total = table.sum(axis=1)
    if total.max() > 1 + SLACK:
        raise KaomojiError(
            f"the faces' probabilities add up to {total.max():.3f}; expected at most 1; score again in float32"
        )
    table = table.div(np.maximum(total, 1.0), axis=0)
    return Exact(table, (1 - table.sum(axis=1)).clip(lower=0).rename("other"))


def exclusive(wide):
    """Probabilities of nested events made exclusive: each spelling less those that go on from it.

    ``wide``: DataFrame prompt x spelling, P(the reply begins with the spelling). Where the tokens of an extension leave
    more to it than was counted for the spelling itself (another way to cut the same text), the spelling keeps 0.
    """
    return wide.sub(_taken(wide), fill_value=0.0).clip(lower=0.0)[list(wide.columns)]


def _taken(wide):
    words = list(wide.columns)
    taken = pd.DataFrame(0.0, index=wide.index, columns=words)
    for word in words:
        inside = [other for other in words if other != word and word.startswith(other)]
        if inside:
            taken[max(inside, key=len)] += wide[word]
    return taken


def reading(exact, prompts, codes):
    """P(category | face) if all categories are as frequent, without sampling noise: a :class:`readings.Reading`.

    ``prompts``: DataFrame[id, category]. Weights: the expected number of emissions of each face over the prompts.
    """
    by_category = _means(exact.table.to_numpy(), _labels(exact, prompts, codes), len(codes))
    masses = pd.DataFrame(by_category.T, exact.table.columns, list(codes))
    return readings.reading(masses, exact.table.sum())


def information(exact, prompts, codes, *, permutations=500, seed=0):
    """Mutual information of face and category in bits, if all categories are as frequent: Estimate over prompts.

    From exact probabilities, so that the upward bias of sampled counts (Miller 1955) does not arise. What is left of it comes
    from the finite number of prompts and stands in the null, which deals the categories to other prompts. Interval: half
    samples of prompts.
    """
    label, table = _labels(exact, prompts, codes), exact.conditional.to_numpy()
    rng = np.random.default_rng(seed)
    null = [_bits(table, rng.permutation(label), len(codes)) for _ in range(permutations)]
    halves = [
        _bits(table[half], label[half], len(codes))
        for half in statistics.half_samples(len(label), seed=seed)
    ]
    return statistics.estimate(
        _bits(table, label, len(codes)),
        halves,
        len(label),
        "prompts",
        null=null,
        interval="normal",
        bounds=(0, np.inf),
    )


def accuracy(exact, prompts, codes, *, permutations=500, seed=0):
    """Expected accuracy of the best reader of one face on prompts it has not seen: Estimate over prompts.

    The reader knows the exact distributions of the training prompts; each held-out prompt counts with its exact probability
    of typing a face that is read rightly, instead of with eight draws. Folds and null as in :mod:`.prediction`.
    Dealt labels as a null: Fisher 1935.
    """
    label, table = _labels(exact, prompts, codes), exact.conditional.to_numpy()
    fold = prediction.folds(label, seed)
    rng = np.random.default_rng(seed)
    right = _held_out(table, label, fold, len(codes))
    null = []
    for _ in range(permutations):
        dealt = label[statistics.permute_within(fold, rng)]
        null.append(_held_out(table, dealt, fold, len(codes)).mean())
    return statistics.bootstrap(right, unit="prompts", seed=seed, null=null)


def agreement(exact, emissions, *, draws=200, seed=0):
    """Whether sampled faces look like draws from the exact distribution: Estimate over prompts.

    Mean Jensen-Shannon similarity of a prompt's sampled shares and its exact ones, given that the reply opens with a listed
    face (what is kept from being typed while sampling does not touch scoring). The null draws as many faces from the exact
    distribution; p is small where the samples lie further off than that: sampler and scorer would be of two minds.

    Similarity: Lin 1991, doi:10.1109/18.61115.

    Raises
    ------
    KaomojiError
        If fewer than two prompts drew a listed face.
    """
    typed = emissions[emissions["face"].isin(exact.table.columns)]
    counts = pd.crosstab(typed["prompt_id"], typed["face"]).reindex(
        index=exact.table.index, columns=exact.table.columns, fill_value=0
    )
    drew = counts.sum(axis=1).to_numpy() > 0
    if drew.sum() < 2:
        raise KaomojiError(
            f"only {drew.sum()} prompts drew a scored face; expected at least 2; collect more generations"
        )
    counts, chances = counts.to_numpy()[drew], exact.conditional.to_numpy()[drew]
    rng, total = np.random.default_rng(seed), counts.sum(axis=1)
    null = [
        statistics.js_similarity(rng.multinomial(total, chances), chances).mean()
        for _ in range(draws)
    ]
    return statistics.bootstrap(
        statistics.js_similarity(counts, chances), unit="prompts", seed=seed, null=null, tail="less"
    )


def _labels(exact, prompts, codes):
    category = prompts.set_index("id")["category"].reindex(exact.table.index)
    absent = [code for code in codes if not (category == code).any()]
    if absent:
        raise KaomojiError(
            f"no scored prompt is of category {', '.join(absent)}; expected all of {', '.join(codes)}; score their prompts"
        )
    return category.map({code: row for row, code in enumerate(codes)}).to_numpy()


def _means(table, label, count):
    member = np.eye(count)[label]
    return (member / np.maximum(member.sum(axis=0), 1)).T @ table


def _bits(table, label, count):
    rows = _means(table, label, count)
    rows = rows[rows.sum(axis=1) > 0]
    middle = rows.mean(axis=0)
    ratio = np.where(rows > 0, rows / np.where(middle > 0, middle, 1), 1)
    return float((rows * np.log2(ratio)).sum() / len(rows))


def _held_out(table, label, fold, count):
    """Probability of each prompt to type a face that the training prompts read rightly."""
    right = np.empty(len(label))
    for number in range(fold.max() + 1):
        train = fold != number
        guess = _means(table[train], label[train], count).argmax(axis=0)
        right[~train] = (table[~train] * (guess[None] == label[~train][:, None])).sum(axis=1)
    return right
