"""``python -m optibench``."""

from optibench.cli import main

if __name__ == "__main__":
    main()
