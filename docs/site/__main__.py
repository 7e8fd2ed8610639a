"""`python -m docs.site [FOLDER]`: build the site; needs no network."""

import argparse
import sys
from pathlib import Path

from docs.site.build import build


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path("build/docs"))
    out = parser.parse_args().out
    status = build(out)
    if not status:
        sys.stdout.write(f"{out / 'html' / 'index.html'}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
