"""Statistics on arrays, each with its source."""
