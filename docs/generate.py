#!/usr/bin/env python3
"""Write the pages of docs/ that say what the code says; ``--check`` tells whether they still do.

    python docs/generate.py            write them
    python docs/generate.py --check    change nothing; exit status 1 and a line for each page that is stale

Needs the standard library only. What a page says comes from docstrings and declarations in src/, or it is prose in
generating/, one module a page.
"""

import argparse
import difflib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from generating import bugs, cli, keys, man, options, states  # noqa: E402 - they import what they describe
from generating.markdown import Incomplete  # noqa: E402

from ncolony.core import schema  # noqa: E402

PAGES = {
    "bugs.md": bugs.page,
    "cli.md": cli.page,
    "keys.md": keys.page,
    "options.md": options.page,
    "states.md": states.page,
    "program.schema.json": lambda _: schema.as_text(schema.program()),
    "colony.schema.json": lambda _: schema.as_text(schema.colony()),
    **man.pages(),
}
SHOWN_DIFFERENCES = 6


def main() -> int:
    """Write or check the pages; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    parser.add_argument("--to", type=Path, default=ROOT / "docs", metavar="DIR", help="where the pages are [docs]")
    asked = parser.parse_args()
    stale = 0
    for name, page in PAGES.items():
        path = asked.to / name
        try:
            text = page(ROOT)
        except Incomplete as error:
            print(f"cannot write {name}: {error}")
            stale += 1
            continue
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old == text:
            continue
        if asked.check:
            stale += 1
            print(f"{path}: {_how(old, text)}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    if stale and asked.check:
        print("run: python docs/generate.py")
    return 1 if stale else 0


def _how(old: str, new: str) -> str:
    """Say how a page differs from what it should be."""
    if not old:
        return "is missing"
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    changed = [line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---"))]
    shown = "\n".join(f"    {line}" for line in changed[:SHOWN_DIFFERENCES])
    more = len(changed) - SHOWN_DIFFERENCES
    return f"is stale: it has the lines with -, the code says those with +\n{shown}" + (
        f"\n    and {more} more" if more > 0 else ""
    )


if __name__ == "__main__":
    sys.exit(main())
