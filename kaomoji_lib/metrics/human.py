"""Compare a model's use of kaomoji with labels that people gave them.

The reference is a dictionary of kaomoji with label groups (``data/human``). A group maps to a *set* of candidate categories,
a partial label: ``happy`` may be excited, content or relieved. P(category | kaomoji) is a Dirichlet posterior with a flat
prior of 0.5 per category; every score can be recomputed over draws of the posterior and of the weights inside each set.
A category without labelled kaomoji is missing from the reference, not empty: set-valued scores allow for it.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.canonical import LEVELS, at_level, canonical
from kaomoji_lib.stimuli import DATA, read_table

PRIOR = 0.5
# Valence nearer to 0 has no clear sign.
CLEAR = 0.1


@dataclass(frozen=True)
class Reference:
    """The labelled dictionary.

    ``entries``: DataFrame[face, groups (tuple), sets (tuple of category codes)], one row per dictionary entry;
    ``members``: dict group -> tuple of candidate categories; ``scheme``: the category scheme.
    """

    entries: pd.DataFrame
    members: dict
    scheme: object

    @cached_property
    def _index(self):
        """Per level, the entry rows of each spelling: dict level -> dict spelling -> array."""
        faces = self.entries["face"]
        return {
            level: faces.groupby(faces.map(partial(at_level, level=level))).indices
            for level in LEVELS
        }

    def lookup(self, faces):
        """Find each face in the dictionary: dict face -> array of its entries' rows.

        Levels are tried in order: raw spelling, spelling with arms, canonical form. Faces without an entry are left out.
        """
        found = {}
        for face in faces:
            names = ((level, at_level(face, level)) for level in LEVELS)
            known = [
                self._index[level][name] for level, name in names if name in self._index[level]
            ]
            if known:
                found[face] = known[0]
        return found

    def groups(self, faces):
        """The label groups of each listed face, over all its entries: dict face -> list of str."""
        return {
            face: [group for row in rows for group in self.entries["groups"].iloc[row]]
            for face, rows in self.lookup(faces).items()
        }

    def theta(self, faces, prior=PRIOR):
        """Posterior mean of P(category | face): DataFrame face x category, rows sum to 1; listed faces only.

        ``prior``: added to the labels of each category; 0 gives the shares of the labels alone.
        """
        found = self.lookup(faces)
        return self._table(found, prior + self._masses(found))

    def draws(self, faces, number, seed=0):
        """Yield ``number`` draws of P(category | face), of the posterior and of the weights inside each set."""
        rng, found = np.random.default_rng(seed), self.lookup(faces)
        for _ in range(number):
            masses = self._masses(found, lambda codes: rng.dirichlet(np.ones(len(codes))))
            yield self._table(found, rng.standard_gamma(PRIOR + masses))

    def allowed(self, faces):
        """Whether a category is a candidate for a face: boolean DataFrame face x category; listed faces only."""
        found = self.lookup(faces)
        rows = [self._matrices[1][rows].any(axis=0) for rows in found.values()]
        return pd.DataFrame(rows, list(found), list(self.scheme.codes))

    def _table(self, found, masses):
        shares = masses / masses.sum(axis=1, keepdims=True)
        return pd.DataFrame(shares, list(found), list(self.scheme.codes))

    @cached_property
    def _matrices(self):
        """Whether an entry has a group (entries, groups), and a category as candidate (entries, categories)."""
        return tuple(
            np.array([[name in item for name in names] for item in self.entries[column]])
            for column, names in (("groups", self.members), ("sets", self.scheme.codes))
        )

    def _masses(self, found, weigh=lambda codes: np.full(len(codes), 1 / len(codes))):
        """Labels per face and category: (faces, categories). Each entry adds 1, spread over its candidate set."""
        has, candidate = self._matrices
        spread = np.zeros((len(self.members), len(self.scheme.codes)))
        for row, codes in zip(spread, self.members.values(), strict=True):
            if codes:
                row[[self.scheme.codes.index(code) for code in codes]] = weigh(codes)
        by_entry = (has @ spread) * candidate
        by_entry /= np.maximum(by_entry.sum(axis=1, keepdims=True), 1e-300)
        sums = [by_entry[rows].sum(axis=0) for rows in found.values()]
        return np.reshape(sums, (len(found), candidate.shape[1]))


def load(scheme):
    """Read the shipped reference for ``scheme``: the core of the dictionary.

    An entry with several groups has the categories they share as candidates, or all of them if they share none.

    Raises
    ------
    KaomojiError
        If a group maps to a category that the scheme does not have.
    """
    table = read_table(DATA / "human" / "groups.csv", ("group", "categories"))
    members = {row.group: tuple(row.categories.split()) for row in table.itertuples()}
    unknown = {code for codes in members.values() for code in codes} - set(scheme.codes)
    if unknown:
        raise KaomojiError(
            f"data/human/groups.csv names the categories {', '.join(sorted(unknown))}; expected those of the scheme, "
            f"{', '.join(scheme.codes)}; map the groups onto your categories"
        )
    known = pd.read_csv(DATA / "human" / "entries.csv.gz", keep_default_na=False, dtype=str)
    entries = []
    for row in known[known["tier"] == "core"].itertuples():
        groups = tuple(group for group in row.groups.split("|") if members.get(group))
        sets = [set(members[group]) for group in groups]
        if sets:
            shared = set.intersection(*sets) or set.union(*sets)
            entries.append((row.face, groups, tuple(c for c in scheme.codes if c in shared)))
    return Reference(pd.DataFrame(entries, columns=["face", "groups", "sets"]), members, scheme)


def reading(choice, labels, theta, *, ranges=(), seed=0):
    """Score how well the dictionary recovers a message's category from the kaomoji a model chose, without training.

    ``choice``: DataFrame prompt x face, P(face | prompt); ``labels``: category of each prompt; ``theta``: DataFrame
    face x category of :meth:`Reference.theta`. The score is the mean over prompts of sum_f P(f | prompt) theta[f, category];
    what is not listed scores one over the number of categories, so a reading that ignores the message scores exactly that.
    ``ranges``: further thetas (draws); their scores become the 95 % range in the result.

    Returns (Estimate over prompts with the null of categories permuted over prompts, coverage Estimate, (low, high) range).
    """
    columns, rows = theta.columns.get_indexer(labels), np.arange(len(labels))
    by_category, covered = _by_category(choice, theta)
    score = stats.permuted_mean(
        lambda order: by_category[rows, columns[order]], len(rows), unit="prompts", seed=seed
    )
    draws = [_by_category(choice, table)[0][rows, columns].mean() for table in ranges]
    spread = tuple(np.percentile(draws, [2.5, 97.5])) if draws else (np.nan, np.nan)
    return score, stats.bootstrap(covered, seed=seed), spread


def _by_category(choice, theta):
    listed = [face for face in choice.columns if face in theta.index]
    covered = choice[listed].sum(axis=1).to_numpy()
    even = (1 - covered)[:, None] / len(theta.columns)
    return choice[listed].to_numpy() @ theta.loc[listed].to_numpy() + even, covered


def set_mass(table, weight, allowed, *, seed=0):
    """Share of a model's P(category | kaomoji) that lies inside the dictionary's candidate sets, weighted by use.

    ``table``: DataFrame face x category, rows sum to 1; ``weight``: Series of counts; ``allowed``: of
    :meth:`Reference.allowed`. Interval: bootstrap over faces. Null: candidate sets permuted over faces.
    """
    faces = _shared(table, allowed)
    shares, sets = table.loc[faces].to_numpy(), allowed.loc[faces].to_numpy()
    inside = lambda order: (shares * sets[order]).sum(axis=1)  # noqa: E731
    weights = weight[faces].to_numpy(float)
    return stats.permuted_mean(inside, len(faces), weights=weights, seed=seed)


def coordinates(table, scheme):
    """Expected valence and arousal of each face: DataFrame face x (valence, arousal), -1..1."""
    places = scheme.table.loc[list(table.columns), ["valence", "arousal"]].astype(float)
    return table @ places


def correlation(table, people, scheme, axis="valence", *, seed=0):
    """Spearman correlation of the model's expected ``axis`` with the one of people's labels, over kaomoji.

    ``table``: face x category; ``people``: :func:`coordinates` of people's labels (:meth:`Reference.theta` without the
    prior). Interval: bootstrap over faces. Null: faces permuted.
    """
    statistic = lambda a, b: spearmanr(a, b).statistic  # noqa: E731
    return _correlated(*_sides(table, people, scheme, axis), statistic, "kaomoji", seed)


def _sides(table, people, scheme, axis):
    """Coordinates on ``axis`` by the model's use and by people's labels, of the faces that both have: two arrays."""
    faces = _shared(table, people)
    own = coordinates(table.loc[faces], scheme)[axis].to_numpy()
    return own, people.loc[faces, axis].to_numpy()


def _correlated(one, other, statistic, unit, seed):
    """A correlation of two arrays (n,), its bootstrap over the n units, and the null of ``other`` permuted: Estimate."""
    rng, n = np.random.default_rng(seed), len(one)
    null = [statistic(one, rng.permutation(other)) for _ in range(stats.PERMUTATIONS)]
    picks = rng.integers(0, n, (stats.PERMUTATIONS, n))
    with np.errstate(invalid="ignore"):
        again = [statistic(one[rows], other[rows]) for rows in picks]
    return stats.estimate(statistic(one, other), again, n, unit, null=null, bounds=(-1, 1))


def same_sign(table, people, scheme, *, seed=0):
    """Share of kaomoji whose valence has the same sign for the model and in people's labels.

    Faces whose valence lies within ``CLEAR`` of 0 on either side are left out. Arguments and interval as in
    :func:`correlation`.
    """
    own, human = _sides(table, people, scheme, "valence")
    keep = (np.abs(own) >= CLEAR) & (np.abs(human) >= CLEAR)
    own, human = np.sign(own[keep]), np.sign(human[keep])
    return stats.permuted_mean(lambda order: own == human[order], len(own), seed=seed)


def glyph_theta(reference, faces):
    """P(category | glyphs) for ``faces`` from a naive Bayes classifier of characters.

    It is trained on dictionary entries whose canonical form is not among ``faces``. A model has to agree with people
    better than this classifier does, or only the shapes of the kaomoji have been shown to agree.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    own, entries = {canonical(face) for face in faces}, reference.entries
    rows = entries[[canonical(face) not in own for face in entries["face"]]]
    rows = rows.assign(weight=1 / rows["sets"].map(len)).explode("sets")
    counter = CountVectorizer(analyzer="char", lowercase=False, binary=True)
    glyphs = counter.fit_transform(rows["face"])
    model = MultinomialNB().fit(glyphs, rows["sets"].astype(str), sample_weight=rows["weight"])
    table = pd.DataFrame(model.predict_proba(counter.transform(faces)), list(faces), model.classes_)
    return table.reindex(columns=list(reference.scheme.codes), fill_value=0.0)


def ceiling(reference, *, seed=0):
    """How far the dictionary agrees with itself: pairs of entries with one canonical form and different spellings.

    Returns dict measure -> Estimate over pairs: set overlap (Jaccard), valence and arousal correlation.
    """
    forms = reference.entries["face"].map(canonical)
    pairs = np.array([rows[:2] for rows in forms.groupby(forms).indices.values() if len(rows) > 1])
    first, second = (reference._matrices[1][rows] for rows in pairs.T)

    def overlap(order):
        return (first & second[order]).sum(axis=1) / (first | second[order]).sum(axis=1)

    found = {"set overlap": stats.permuted_mean(overlap, len(pairs), unit="pairs", seed=seed)}
    pearson = lambda a, b: np.corrcoef(a, b)[0, 1]  # noqa: E731
    for axis in ("valence", "arousal"):
        places = reference.scheme.table[axis].to_numpy(float)
        sides = [side @ places / side.sum(axis=1) for side in (first, second)]
        found[f"{axis} correlation"] = _correlated(*sides, pearson, "pairs", seed)
    return found


def rater_agreement(*, seed=0):
    """Krippendorff's alpha of the two raters who mapped the label groups to sets of categories: Estimate over groups.

    Distance of two sets: MASI (Passonneau 2006); two empty sets are equal. 1 is full agreement, 0 is chance.
    """
    table = read_table(DATA / "human" / "groups.csv", ("group", "rater_1", "rater_2"))
    sets = [[frozenset(cell.split()) for cell in table[name]] for name in ("rater_1", "rater_2")]
    observed = np.array([_masi(one, two) for one, two in zip(*sets, strict=True)])
    pooled = sets[0] + sets[1]
    between = np.array([[_masi(one, two) for two in pooled] for one in pooled])
    expected = between.sum() / (len(pooled) * (len(pooled) - 1))
    picks = np.random.default_rng(seed).integers(
        0, len(observed), (stats.PERMUTATIONS, len(observed))
    )
    again = 1 - observed[picks].mean(axis=1) / expected
    return stats.estimate(1 - observed.mean() / expected, again, len(observed), "label groups")


def _masi(one, two):
    if one == two:
        return 0.0
    overlap = len(one & two)
    monotonic = 2 / 3 if overlap in (len(one), len(two)) else 1 / 3
    return 1 - monotonic * overlap / len(one | two)


def _shared(table, other):
    faces = [face for face in table.index if face in other.index]
    if len(faces) < 3:
        raise KaomojiError(
            f"{len(faces)} kaomoji are in the human dictionary; expected at least 3; collect more replies"
        )
    return faces
