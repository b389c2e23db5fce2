"""What to run: settings, plan, protocol, ids."""
