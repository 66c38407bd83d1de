"""Kubeflow: compile, schedule, run."""
