"""``ncolony completion``: what makes a shell complete verbs, options, their values, and the names of programs.

A script for each shell, made from the records of all verbs. Names are asked for live, of ``ncolony list --names``,
which reads a directory and nothing else.
"""

from __future__ import annotations

from ncolony.cli.every import every
from ncolony.cli.options import HELP, Option
from ncolony.cli.place import PLACE
from ncolony.cli.verb import DONE, Call, Verb, misused, options_of
from ncolony.core.names import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NAMES, FOLDERS, FILES = "names", "folders", "files"


def _act(call: Call) -> int:
    words = call.given.words
    if len(words) != 1:
        raise misused(call.verb, f"wanted the name of one shell: {', '.join(SHELLS)}")
    if words[0] not in SHELLS:
        raise misused(call.verb, f"cannot complete for {quoted(words[0])}: wanted {', '.join(SHELLS)}")
    print(SHELLS[words[0]](every()), end="")
    return DONE


def _wanted(verb: Verb) -> str:
    """Return what the words after a verb are: names, folders, files, or some words to choose from."""
    if "NAME" in verb.words:
        return NAMES
    if "DIR" in verb.words or "COLONY" in verb.words:
        return FOLDERS
    return verb.words.replace("|", " ") if verb.words.islower() else FILES if "CMD" in verb.words else ""


def _value(option: Option) -> str:
    """Return what the value of an option is, likewise."""
    if option.among:
        return " ".join(option.among)
    return {"DIR": FOLDERS, "NAME": NAMES, "FILE": FILES, "JSON": FILES, "CMD": FILES}.get(option.metavar, "")


def _spellings(option: Option) -> list[str]:
    return [option.name, option.short] if option.short else [option.name]


# bash -------------------------------------------------------------------------------------------------------------

BASH = r"""# bash completion for ncolony: source <(ncolony completion bash)
_ncolony_reply() { # _ncolony_reply WHAT WORD: offer names, folders, files, or those of some words
    local IFS=$'\n'
    case $1 in
        names) COMPREPLY=($(compgen -W "$(ncolony "${place[@]}" list --names 2>/dev/null)" -- "$2")) ;;
        folders) COMPREPLY=($(compgen -d -- "$2")); compopt -o filenames 2>/dev/null ;;
        files) COMPREPLY=($(compgen -f -- "$2")); compopt -o filenames 2>/dev/null ;;
        *) IFS=' '; COMPREPLY=($(compgen -W "$1" -- "$2")) ;;
    esac
}
_ncolony() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb= options= wanted= value= i word
    local -a place=()
    COMPREPLY=()
    [ "$cur" != = ] || cur=
    [ "$prev" != = ] || prev=${COMP_WORDS[COMP_CWORD - 2]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            PLACES)
                [ "${COMP_WORDS[i + 1]}" != = ] || i=$((i + 1))
                i=$((i + 1))
                [ $i -ge $COMP_CWORD ] || place+=("$word" "${COMP_WORDS[i]/#\~/$HOME}")
                ;;
            -* | = | ctl) ;;
            *) [ -n "$verb" ] || verb=$word ;;
        esac
    done
    case $verb in
CASES
    esac
    case $verb:$prev in
VALUES
    esac
    case $cur in
        -*) _ncolony_reply "$options" "$cur" ;;
        *) [ -z "$wanted" ] || _ncolony_reply "$wanted" "$cur" ;;
    esac
}
complete -F _ncolony ncolony
"""


def bash(verbs: dict[str, Verb]) -> str:
    """Return the script for bash."""
    cases = [f"        '') options='{_words(PLACE)}' wanted='{' '.join(verbs)}' ;;"]
    values = []
    for option in PLACE:
        values += [f'        *:{spelling}) _ncolony_reply folders "$cur"; return ;;' for spelling in _spellings(option)]
    for name, verb in verbs.items():
        cases.append(f"        {name}) options='{_words(options_of(verb))}' wanted='{_wanted(verb)}' ;;")
        for option in verb.options:
            if option.metavar:
                pattern = " | ".join(f"{name}:{spelling}" for spelling in _spellings(option))
                what = f"_ncolony_reply '{_value(option)}' \"$cur\"; " if _value(option) else ""
                values.append(f"        {pattern}) {what}return ;;")
    places = " | ".join(spelling for option in PLACE for spelling in _spellings(option))
    script = BASH.replace("PLACES", places).replace("CASES", "\n".join(cases))
    return script.replace("VALUES", "\n".join(values))


def _words(options: Iterable[Option]) -> str:
    return " ".join(spelling for option in (*options, HELP) for spelling in _spellings(option))


# zsh --------------------------------------------------------------------------------------------------------------

ZSH = r"""#compdef ncolony
# zsh completion for ncolony: source <(ncolony completion zsh), or put it into a directory of $fpath as _ncolony
_ncolony_names() {
    local -a names
    names=(${(f)"$(ncolony $place list --names 2>/dev/null)"})
    compadd -a names
}
_ncolony() {
    local context state line i
    local -a place verbs
    typeset -A opt_args
    for ((i = 2; i < CURRENT; i++)); do
        case $words[i] in
            (PLACES) place+=($words[i] ${~words[i + 1]}) ;;
        esac
    done
    if [[ $words[2] == ctl ]]; then
        words=("$words[1]" "${(@)words[3,-1]}")
        ((CURRENT--))
    fi
    verbs=(
VERBS
    )
    _arguments -C SPECS '1:verb:->verb' '*::word:->words'
    case $state in
        (verb) _describe verb verbs ;;
        (words)
            case $line[1] in
CASES
            esac
            ;;
    esac
}
if [[ $funcstack[1] == _ncolony ]]; then _ncolony "$@"; else compdef _ncolony ncolony; fi
"""
ZSH_ACTIONS = {NAMES: "_ncolony_names", FOLDERS: "_files -/", FILES: "_files", "": " "}


def zsh(verbs: dict[str, Verb]) -> str:
    """Return the script for zsh."""
    told = "\n".join(f"        {_in_quotes(f'{name}:{verb.about}')}" for name, verb in verbs.items())
    cases = []
    for name, verb in verbs.items():
        specs = " ".join(_zsh_specs(options_of(verb)))
        wanted = _wanted(verb)
        last = " " + _in_quotes(f"*:word:{_zsh_action(wanted)}") if wanted else ""
        cases.append(f"                ({name}) _arguments {specs}{last} ;;")
    places = "|".join(spelling for option in PLACE for spelling in _spellings(option))
    script = ZSH.replace("PLACES", places).replace("VERBS", told)
    return script.replace("SPECS", " ".join(_zsh_specs(PLACE))).replace("CASES", "\n".join(cases))


def _zsh_specs(options: Iterable[Option]) -> list[str]:
    specs = []
    for option in (*options, HELP):
        about = "".join(f"\\{letter}" if letter in "[]\\:" else letter for letter in option.about)
        star = "*" if option.repeated else ""
        for spelling in _spellings(option):
            equals = "=" if option.metavar and spelling.startswith("--") else ""
            value = f":{option.metavar.replace(':', '-')}:{_zsh_action(_value(option))}" if option.metavar else ""
            specs.append(_in_quotes(f"{star}{spelling}{equals}[{about}]{value}"))
    return specs


def _zsh_action(what: str) -> str:
    return ZSH_ACTIONS.get(what, f"({what})")


def _in_quotes(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# fish -------------------------------------------------------------------------------------------------------------

FISH = r"""# fish completion for ncolony: ncolony completion fish | source
function __ncolony_words
    # The words so far that are neither options nor values of those that name a colony; ctl goes without saying.
    set -l words (commandline -opc)
    set -l skip 1
    for word in $words
        if test $skip = 1
            set skip 0
        else if contains -- $word PLACES
            set skip 1
        else if not string match -q -- '-*' $word; and test $word != ctl
            echo $word
        end
    end
end
function __ncolony_is
    set -l words (__ncolony_words)
    test (count $words) -gt 0; and test $words[1] = $argv[1]
end
function __ncolony_begins
    test (count (__ncolony_words)) -eq 0
end
function __ncolony_names
    set -l place
    set -l words (commandline -opc)
    for i in (seq 1 (math (count $words) - 1))
        if contains -- $words[$i] PLACES
            set -a place $words[$i] (string replace -r '^~' $HOME -- $words[(math $i + 1)])
        end
    end
    ncolony $place list --names 2>/dev/null
end
complete -c ncolony -f
"""
FISH_VALUES = {NAMES: "(__ncolony_names)", FOLDERS: "(__fish_complete_directories)", FILES: "(__fish_complete_path)"}


def fish(verbs: dict[str, Verb]) -> str:
    """Return the script for fish."""
    places = " ".join(spelling for option in PLACE for spelling in _spellings(option))
    lines = [_fish_option("__ncolony_begins", option) for option in (*PLACE, HELP)]
    for name, verb in verbs.items():
        lines.append(f"complete -c ncolony -n __ncolony_begins -a {name} -d {_for_fish(verb.about)}")
        condition = f"'__ncolony_is {name}'"
        if wanted := _wanted(verb):
            lines.append(f"complete -c ncolony -n {condition} -a {_for_fish(FISH_VALUES.get(wanted, wanted))}")
        lines += [_fish_option(condition, option) for option in (*options_of(verb), HELP)]
    return FISH.replace("PLACES", places) + "\n".join(lines) + "\n"


def _fish_option(condition: str, option: Option) -> str:
    words = ["complete -c ncolony -n", condition, "-l", option.name[2:]]
    if option.short:
        words += ["-s", option.short[1:]]
    if option.metavar:
        value = _value(option)
        words += ["-x", *(["-a", _for_fish(FISH_VALUES.get(value, value))] if value else [])]
    return " ".join([*words, "-d", _for_fish(option.about)])


def _for_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[dict[str, Verb]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
COMPLETION = Verb(
    "completion", "print what makes a shell complete verbs, options and names", _act, "bash|zsh|fish",
    text="Names of programs are looked up when the key is pressed, in the colony that the line is about.",
    examples=(
        ("source <(ncolony completion bash)", "in ~/.bashrc; for zsh likewise, in ~/.zshrc behind compinit"),
        ("ncolony completion fish > ~/.config/fish/completions/ncolony.fish", "for fish"),
    ),
    in_colony=False,
)  # fmt: skip
