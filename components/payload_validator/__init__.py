"""PayloadValidator: what clients send, checked before and after."""
