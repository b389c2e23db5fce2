"""Run an experiment: processes, progress, files."""
