"""Local models: load, sample, score and steer."""
