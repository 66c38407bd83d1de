"""A running model server that holds the very model that would be pushed, and the one client.

`native.NativeBackend` starts it, `backend.RunningCanary.client` asks it; `inspection` and `eager`
answer questions about a model that no request can.
"""
