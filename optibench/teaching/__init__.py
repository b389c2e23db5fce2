"""Pages that teach a plugin from its own code."""
