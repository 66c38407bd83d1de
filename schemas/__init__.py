"""Curated data schemas and the JSON Schemas of the files that tfx-parity writes."""
