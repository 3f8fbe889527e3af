"""The article's data, reanalysed from the tables that ship in ``data/published/``.

``tables`` reads them (emissions, likelihoods, judgements, words, components); ``sources`` makes distributions over
categories, by the article's rules and by ours; ``faces``, ``geometry`` and ``scorer_audit`` are what the article did not
do; ``study`` has every number beside the article's, and a verdict on every claim.
``data/published/derive.py`` derives the tables from the originals.
"""
