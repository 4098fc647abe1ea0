"""Shell completion, made from the argument parser itself."""

from __future__ import annotations

import argparse

from btfdump._roots import ROOTS


def bash(parser: argparse.ArgumentParser) -> str:
    """Return a completion script for bash: commands, options, choices; file names elsewhere."""
    commands: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            commands = dict(action.choices)
    cases = []
    for name, command in commands.items():
        flags = " ".join(f for a in command._actions for f in a.option_strings)
        cases.append(f'    {name}) words="{flags}" ;;')
    choices = {
        flag: " ".join(str(choice) for choice in action.choices)
        for command in commands.values()
        for action in command._actions
        if action.choices
        for flag in action.option_strings
    }
    values = [f'    {flag}) words="{words}"; only=1 ;;' for flag, words in choices.items()]
    roots = " ".join(ROOTS)
    return "\n".join(
        [
            "_btfdump() {",
            '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"',
            "  local words only=",
            '  case "${COMP_WORDS[1]}" in',
            *cases,
            f'    *) words="{" ".join(commands)} --help --version" ;;',
            "  esac",
            '  case "$prev" in',
            *values,
            "  esac",
            '  if [ "${COMP_WORDS[1]}" = inspect ] && [ "$COMP_CWORD" = 3 ]; then',
            f'    words="{roots} $words"',
            "  fi",
            '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
            '  if [ -z "$only" ] && [ "$COMP_CWORD" -gt 1 ]; then',
            '    COMPREPLY+=($(compgen -f -- "$cur"))',
            "  fi",
            "}",
            "complete -o filenames -F _btfdump btfdump",
            "",
        ]
    )
