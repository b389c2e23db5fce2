"""Numbers from frames."""
