"""The exact distribution over what opens a reply: every face once, and all else as ``other``.

"The reply begins with ``(^_^)``" contains "the reply begins with ``(^_^)/``". Added up as they are scored, nested
spellings would count twice; here each keeps what its extensions do not take. Two spellings of which neither begins with
the other exclude each other, so that the result is a distribution.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions, predict
from kaomoji_lib.metrics.likelihoods import CLOSED

SLACK = 1e-3


@dataclass(frozen=True)
class Exact:
    """P(face | prompt).

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
    """Return the :class:`Exact` distribution from scored spellings.

    ``scores``: DataFrame of :func:`kaomoji_lib.models.score.scoring.score`; ``column``: ``log_prob_closed`` or ``log_prob``.

    Raises
    ------
    KaomojiError
        If the column is empty, or the probabilities exceed 1 by more than rounding: then the events are not exclusive.
    """
    faced = scores[scores["face"].notna() & scores[column].notna()]
    if faced.empty:
        raise KaomojiError(
            f"the scores hold no {column} of a face; score again with it, or choose another column"
        )
    face = faced.drop_duplicates("spelling").set_index("spelling")["face"]
    wide = faced.pivot(index="prompt_id", columns="spelling", values=column)
    own = exclusive(np.exp(wide.loc[faced["prompt_id"].unique(), face.index]))
    table = own.T.groupby(face, sort=False).sum().T
    total = table.sum(axis=1)
    if total.max() > 1 + SLACK:
        raise KaomojiError(
            f"the faces' probabilities add up to {total.max():.3f}; expected at most 1; score again in float32"
        )
    table = table.div(np.maximum(total, 1.0), axis=0)
    return Exact(table, (1 - table.sum(axis=1)).clip(lower=0).rename("other"))


def exclusive(wide):
    """Make probabilities of nested events exclusive: each spelling less those that extend it.

    ``wide``: DataFrame prompt x spelling, P(the reply begins with the spelling). Where the tokens of an extension leave
    more to it than was counted for the spelling itself (another way to cut the same text), the spelling gets 0.
    """
    spellings = list(wide.columns)
    taken = pd.DataFrame(0.0, index=wide.index, columns=spellings)
    for spelling in spellings:
        inside = [one for one in spellings if one != spelling and spelling.startswith(one)]
        if inside:
            taken[max(inside, key=len)] += wide[spelling]
    return wide.sub(taken, fill_value=0.0).clip(lower=0.0)[spellings]


def reading(exact, prompts, codes):
    """Return P(category | face), all categories equally frequent, without sampling noise: :class:`distributions.Reading`.

    ``prompts``: DataFrame[id, category]. Weights: the expected number of emissions of each face over the prompts.
    """
    means = exact.table.groupby(_labels(exact, prompts, codes)).mean().reindex(list(codes))
    return distributions.reading(means.T, exact.table.sum())


def prediction(exact, prompts, codes, **options):
    """Predict the category from one face of each prompt's exact distribution: :class:`.predict.Prediction`.

    Its ``mutual_information`` is that of exact probabilities. ``options``: of :func:`.predict.from_probabilities`.
    """
    return predict.from_probabilities(
        exact.conditional, _labels(exact, prompts, codes).to_numpy(), **options
    )


def agreement(exact, emissions, *, draws=stats.PERMUTATIONS, seed=0):
    """Return how like draws from the exact distribution the sampled faces are: Estimate over prompts.

    Mean Jensen-Shannon similarity of a prompt's sampled shares and its exact ones, given that the reply opens with a
    listed face (suppression while sampling does not affect scoring). The null draws as many faces from the exact
    distribution; p is small where the samples are farther away: sampler and scorer would disagree. Similarity: Lin 1991.

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
        stats.js_similarity(rng.multinomial(total, chances), chances).mean() for _ in range(draws)
    ]
    return stats.bootstrap(
        stats.js_similarity(counts, chances), unit="prompts", seed=seed, null=null, tail="less"
    )


def _labels(exact, prompts, codes):
    """Return the category of each row of the table: Series, refusing categories without a scored prompt."""
    category = prompts.set_index("id")["category"].reindex(exact.table.index)
    distributions.require_categories(category, codes)
    return category
