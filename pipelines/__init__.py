"""Pipelines that use the components: penguins."""
