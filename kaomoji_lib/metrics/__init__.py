"""Analyses of what the models typed and computed: readings, prediction, geometry."""
