"""Kubeflow: compile a pipeline, check the file, run it here as Kubeflow's launcher would."""
