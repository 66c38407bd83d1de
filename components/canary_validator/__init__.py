"""CanaryValidator: a served model's answers against its trainer's, with the cause and the place."""
