"""What fuzzing has found is tried again, and a little more: see docs/fuzzing.md. Needs no fuzzer."""

import pytest

from fuzz import drive

MUTATIONS = 100


@pytest.mark.parametrize("name", drive.TARGETS)
def test_what_was_found_by_fuzzing_is_borne(name, nothing_left):
    """Every input that is kept; a target raises only where a promise is broken."""
    one_input = drive.target(name).one_input
    one_input(b"")
    for data in drive.corpus(name).values():
        one_input(data)


@pytest.mark.parametrize("name", drive.TARGETS)
def test_what_is_made_of_it_is_borne(name, nothing_left):
    """Mutations, the same ones at every run."""
    one_input = drive.target(name).one_input
    for data in drive.Mutator(name).inputs(MUTATIONS):
        try:
            one_input(data)
        except Exception as error:
            raise AssertionError(f"{name} fails on {data!r}") from error


def test_every_target_has_a_corpus_of_a_bearable_size():
    """Tens of small files, and none for a target that is not there."""
    folders = {path.name: list(path.iterdir()) for path in (drive.HERE / "corpus").iterdir()}
    assert sorted(folders) == list(drive.TARGETS)
    for files in folders.values():
        assert 0 < len(files) <= 60
        assert all(path.stat().st_size <= drive.MAX_SIZE for path in files)
