"""Records against the standard library's frozen dataclasses: who knows those has nothing to learn."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import TYPE_CHECKING
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncolony.core.record import FEW, FrozenRecordError, defaults_of, record, replace

if TYPE_CHECKING:
    from collections.abc import Callable


@record
class Ours:
    """A record."""

    one: object
    two: object = 2
    three: object = ()

    def total(self) -> str:
        """Return its fields as text."""
        return f"{self.one}{self.two}{self.three}"


@dataclasses.dataclass(frozen=True)
class Theirs:
    """The same as a dataclass."""

    one: object
    two: object = 2
    three: object = ()


@record
class Other:
    """A record with the same fields."""

    one: object
    two: object = 2
    three: object = ()


@record
class Empty:
    """A record without fields."""


class Outer:
    """Something with a record inside."""

    @record
    class Inner:
        """A record inside something."""

        one: int


@record
class Spoken:
    """A record that says itself how it looks."""

    one: int

    def __repr__(self) -> str:
        """Return few words."""
        return f"<{self.one}>"


BOTH = pytest.mark.parametrize("kind", [Ours, Theirs])
GOOD = [((1,), {}), ((1, 3), {}), ((1, 3, 4), {}), ((), {"one": 1}), ((1,), {"three": 4}), ((), {"three": 1, "one": 2})]
BAD = [((), {}), ((1, 2, 3, 4), {}), ((1,), {"one": 1}), ((1,), {"four": 4}), ((), {"two": 2})]


@pytest.mark.parametrize(("args", "kwargs"), GOOD)
def test_fields_are_filled_as_a_dataclass_fills_them(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    """Positional, by keyword, left out: three ways that are mixed everywhere in the code."""
    ours, theirs = Ours(*args, **kwargs), Theirs(*args, **kwargs)
    assert (ours.one, ours.two, ours.three) == (theirs.one, theirs.two, theirs.three)


@pytest.mark.parametrize(("args", "kwargs"), BAD)
def test_wrong_arguments_raise_the_error_that_a_dataclass_raises(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    """To the word but for the name, so that the traceback says which record was made wrongly."""
    with pytest.raises(TypeError) as ours:
        Ours(*args, **kwargs)
    with pytest.raises(TypeError) as theirs:
        Theirs(*args, **kwargs)
    assert str(ours.value) == str(theirs.value).replace("Theirs", "Ours")


def test_a_record_is_the_same_before_and_after_its_making_is_compiled() -> None:
    """Of most classes so few are made that compiling would take longer: the first ones are filled one by one."""

    @record
    class New:
        one: object
        two: object = 2

    made = [New(1), New(one=1), New(1, 2), New(1, two=2)] * FEW
    assert set(made) == {New(1)}
    assert {repr(each) for each in made} == {repr(New(1))}


@pytest.mark.parametrize(("args", "kwargs"), BAD)
@pytest.mark.parametrize("before", [0, FEW + 1])
def test_wrong_arguments_are_refused_whenever_they_come(
    args: tuple[int, ...], kwargs: dict[str, int], before: int
) -> None:
    """In the same words for the first record and for a late one; and right ones are taken afterwards."""

    @record
    class New:
        one: object
        two: object = 2
        three: object = ()

    for _ in range(before):
        New(1)
    with pytest.raises(TypeError, match=r"__init__\(\)"):
        New(*args, **kwargs)
    assert New(1).two == 2


VALUES = st.one_of(st.integers(-1, 1), st.text(max_size=1), st.tuples(), st.floats(allow_nan=False), st.none())


@given(st.tuples(VALUES, VALUES), st.tuples(VALUES, VALUES))
def test_equality_and_hash_go_by_value(one: tuple[object, object], other: tuple[object, object]) -> None:
    """The whole core compares states and programs; dictionaries and sets of them must agree."""
    assert (Ours(*one) == Ours(*other)) == (Theirs(*one) == Theirs(*other))
    assert (Ours(*one) != Ours(*other)) == (Theirs(*one) != Theirs(*other))
    if one == other:
        assert hash(Ours(*one)) == hash(Ours(*other))


@given(VALUES, VALUES)
def test_repr_reads_as_that_of_a_dataclass(one: object, two: object) -> None:
    """An ImpossibleInput is only as good as what it shows."""
    assert repr(Ours(one, two)) == repr(Theirs(one, two)).replace("Theirs", "Ours")


def test_records_of_different_kinds_are_never_equal() -> None:
    """Stopping(1, 2.0) and Killing(1, 2.0) hold the same values and mean different things."""
    strangers: list[object] = [Other(1), Theirs(1), (1, 2, ())]
    assert Ours(1) not in strangers
    assert len({Ours(1), Other(1), Ours(1)}) == 2


def test_what_is_no_record_may_say_that_it_is_equal() -> None:
    """As with a dataclass: it is asked when the record does not know."""
    assert Ours(1, 2) == ANY


def test_the_defaults_of_a_class_can_be_asked_for() -> None:
    """A copy: whoever changes it changes no record."""
    defaults = defaults_of(Spoken)
    assert defaults_of(Empty) == {}
    defaults["more"] = 1
    assert "more" not in defaults_of(Spoken)


def test_records_without_fields_can_be_made_again_and_again() -> None:
    """Also once their making is compiled."""
    assert {Empty() for _ in range(FEW + 2)} == {Empty()}


def test_an_unhashable_value_makes_an_unhashable_record() -> None:
    """As with a dataclass; nothing is hashed by identity behind one's back."""
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError, match="unhashable"):
            hash(kind([]))


def test_a_record_without_fields_is_like_any_other_of_its_kind() -> None:
    """Stopped() is made anew each time, and compared."""
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert repr(Empty()) == "Empty()"
    with pytest.raises(TypeError):
        Empty(1)  # type: ignore[call-arg]


@BOTH
def test_fields_can_neither_be_set_nor_deleted(kind: Callable[[int], object]) -> None:
    """A state that changed in place would be a second place where states change."""
    made = kind(1)
    with pytest.raises(AttributeError):
        made.one = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        del made.one  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        made.four = 4  # type: ignore[attr-defined]
    assert made == kind(1)


def test_the_error_of_a_frozen_record_names_field_and_record() -> None:
    """It is our own mistake, so it should be found in one look."""
    with pytest.raises(FrozenRecordError, match="cannot change 'one' of a Ours: records are frozen"):
        Ours(1).one = 2  # type: ignore[misc]


def test_a_record_has_slots_and_nothing_besides() -> None:
    """A thousand programs are some ten thousand records; a dict in each would double them."""
    assert not hasattr(Ours(1), "__dict__")
    assert Ours.__slots__ == ("one", "two", "three")  # type: ignore[attr-defined]


def test_pattern_matching_takes_fields_by_position_and_name() -> None:
    """`case Stopping(pid, deadline)` is how states are read."""

    def taken_apart(value: object) -> tuple[object, ...]:
        match value:
            case Ours(one, two, three=()):
                return one, two
            case _:
                return ()

    assert taken_apart(Ours(1, 5)) == (1, 5)
    assert taken_apart(Ours(1, 5, 6)) == taken_apart(Other(1, 5)) == ()
    assert Ours.__match_args__ == Theirs.__match_args__ == ("one", "two", "three")


@BOTH
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_gives_an_equal_one_back(kind: Callable[..., object], protocol: int) -> None:
    """Test runners send records from process to process."""
    made = kind(1, (2, "x"), three=None)
    assert pickle.loads(pickle.dumps(made, protocol)) == made  # noqa: S301 (our own bytes)


@BOTH
def test_copies_are_equal_and_deep_where_asked(kind: Callable[[object], object]) -> None:
    """Copying a frozen object trips over its own __setattr__ where nobody thought of it."""
    made = kind([1])
    assert copy.copy(made) == copy.deepcopy(made) == made
    assert copy.copy(made).one is made.one  # type: ignore[attr-defined]
    assert copy.deepcopy(made).one is not made.one  # type: ignore[attr-defined]


def test_replace_changes_what_is_named_and_keeps_the_rest() -> None:
    """The core's only way to change something."""
    before = Ours(1, 2, 3)
    assert replace(before, two=5) == Ours(1, 5, 3)
    assert replace(before) == before
    assert before == Ours(1, 2, 3)


def test_replace_refuses_a_field_that_is_not_there() -> None:
    """A misspelled field must not vanish."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'tow'"):
        replace(Ours(1), tow=2)


def test_a_record_keeps_its_name_its_doc_and_its_methods() -> None:
    """The class is built anew; what made it readable must survive that."""
    assert (Ours.__name__, Ours.__doc__, Ours.__module__) == ("Ours", "A record.", Theirs.__module__)
    assert Ours(1).total() == "12()"
    assert repr(Spoken(1)) == "<1>"


def test_a_record_inside_a_class_knows_where_it_belongs() -> None:
    """Pickle looks it up by that name, and people read it."""
    made = Outer.Inner(1)
    assert repr(made) == "Outer.Inner(one=1)"
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 (our own bytes)


def test_a_field_without_a_default_after_one_with_a_default_is_refused() -> None:
    """As with a dataclass: when the class is made."""

    def make() -> object:
        @record
        class Wrong:
            one: int = 1
            two: int  # type: ignore[misc]

        return Wrong(1, 2)

    with pytest.raises(TypeError, match="default"):
        make()
