"""Scheduled retraining: one idempotent job a span, of any pipeline."""
