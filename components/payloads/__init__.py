"""What clients send to a model, checked by the server's rules, the signatures and the schema."""
