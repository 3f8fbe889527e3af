"""The article's data, reanalysed from the tables that ship in ``data/published/`` (``derive.py`` there derives them)."""
