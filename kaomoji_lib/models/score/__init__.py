"""Exact log-probabilities of many continuations of many prompts."""
