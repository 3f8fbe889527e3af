"""Stores and registries: run folders and the model registry."""
