"""Chooses which inputs are worth keeping: few and small ones that together reach all that all of them reach.

Called by scripts/fuzz: ``python -m fuzz.keep TARGET FOLDER``. What is in the corpus already stays where it
still reaches something that nothing else does; what people have put there, ``seed-N``, stays in any case.
"""

import sys
from hashlib import sha1
from pathlib import Path

from fuzz import drive

MOST = 40
SOURCES = str(drive.HERE.parent / "src")


def reached(one_input, data):
    """Return the steps from line to line, in our own code, that an input takes."""
    steps = set()

    def in_function(frame, event, _):
        nonlocal last
        if event == "line":
            steps.add((frame.f_code.co_filename, last, frame.f_lineno))
            last = frame.f_lineno
        return in_function

    def called(frame, _event, _arg):
        return in_function if frame.f_code.co_filename.startswith(SOURCES) else None

    last = 0
    sys.settrace(called)
    try:
        one_input(data)
    finally:
        sys.settrace(None)
    return steps


def chosen(one_input, inputs):
    """Return those of the inputs that are worth keeping."""
    reach = {data: reached(one_input, data) for data in sorted(inputs, key=lambda data: (len(data), data))}
    kept = []
    while reach and len(kept) < MOST:
        best = max(reach, key=lambda data: len(reach[data]))
        if not reach[best]:
            break
        kept.append(best)
        new = reach.pop(best)
        reach = {data: steps - new for data, steps in reach.items() if steps - new}
    return kept


def main():
    """Put them into the corpus, instead of what was there."""
    name, found = sys.argv[1], Path(sys.argv[2])
    folder = drive.HERE / "corpus" / name
    one_input = drive.target(name).one_input
    one_input(b"")  # what is imported late is imported now
    old = drive.corpus(name)
    inputs = {*old.values(), *(path.read_bytes() for path in found.iterdir())}
    seeds = {data for path, data in old.items() if path.startswith("seed-")}
    kept = chosen(one_input, {data for data in inputs if len(data) <= drive.MAX_SIZE})
    for path in old:
        if not path.startswith("seed-"):
            (folder / path).unlink()
    for data in kept:
        if data in seeds:
            continue
        (folder / sha1(data).hexdigest()[:12]).write_bytes(data)  # noqa: S324 - a name, no secret
    print(f"{name}: kept {len(kept)} of {len(inputs)} inputs")


if __name__ == "__main__":
    main()
