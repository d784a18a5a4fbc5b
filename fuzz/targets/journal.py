"""The journal: whatever is in the file, what makes sense is read, forwards and backwards alike."""

from fuzz.common import Memory, dictionary
from ncolony.posix.journal import backwards, read

WORDS = dictionary(
    '{"t":1.5,"p":"web","n":1,"k":"end","r":1}', '"p":"web",', '"k":"start"', "\n", "[" * 2000, "{", "}", '"last":'
)


def one_input(data):
    """Read a file: all, one program's, and one program's backwards."""
    with Memory(data) as path:
        entries = read(path)
        assert all(isinstance(one["k"], str) for one in entries)
        ours = read(path, "web")
        assert all(one["p"] == "web" for one in ours)
        lines = [line for piece in backwards(path, "web", 1000) for line in piece]
        assert len(lines) == min(len(ours), 1000)
        assert [line for piece in backwards(path, "web", 1) for line in piece] == lines[:1]
