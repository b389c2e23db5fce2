"""What plugin authors write against: every piece that a plugin can make, and the registry that finds them."""

VERSION = "0.1.0"
