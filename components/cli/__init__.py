"""tfx_parity.cli."""
