"""Run folders: what a model answered, on disk."""
