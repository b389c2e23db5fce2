"""Lint and format of the page's scripts and styles, by Biome through npm. Without npm it says so and passes.

python tests/javascript.py [--write]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

BIOME = "@biomejs/biome@2.6.8"
HERE = Path(__file__).parent


def main(arguments):
    npx = shutil.which("npx")
    if npx is None:
        print("skipped: npm is not installed, so the page's JavaScript is not linted")
        return 0
    what = ["check", "--write"] if "--write" in arguments else ["ci"]
    static = [str(HERE.parent / "optibench" / part / "static") for part in ("report", "teaching")]
    where = [f"--config-path={HERE / 'biome.json'}", *static]
    return subprocess.run([npx, "--yes", BIOME, *what, "--colors=off", *where], cwd=HERE.parent).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
