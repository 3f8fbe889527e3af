"""Exact log-probabilities of many continuations behind many prompts."""
