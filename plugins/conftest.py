"""The package has its own pyproject.toml, and its own pytest run."""

collect_ignore = ["optibench-charbonnier"]
