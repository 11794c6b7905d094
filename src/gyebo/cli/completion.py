"""`gyebo completion SHELL`: a small script that asks `gyebo __complete WORD...` what could stand at the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from gyebo.cli.parsing import parse, shown
from gyebo.errors import UsageError, did_you_mean

BASH = """\
# gyebo's completion for bash.  Now:  source <(gyebo completion bash)    Always: put that line into ~/.bashrc
_gyebo() {
    local IFS=$'\\n'
    COMPREPLY=($(gyebo __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _gyebo gyebo
"""

ZSH = """\
#compdef gyebo
# gyebo's completion for zsh.  Now:  source <(gyebo completion zsh)    Always: put that line into ~/.zshrc after compinit
_gyebo() {
    local -a found
    found=(${(f)"$(gyebo __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -a found; else _files; fi
}
compdef _gyebo gyebo
"""

FISH = """\
# gyebo's completion for fish.  Now:  gyebo completion fish | source    Always: save it as ~/.config/fish/completions/gyebo.fish
complete -c gyebo -a '(gyebo __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


@dataclass(frozen=True, kw_only=True)
class CompletionOptions:
    """Print the completion script of a shell; its first line says where to put it."""

    shell: Annotated[tyro.conf.Positional[str], shown("SHELL")]
    """bash, zsh or fish"""


def run(words: list[str]) -> int:
    """Print the script."""
    shell = parse(CompletionOptions, words, "gyebo completion").shell
    if shell not in SCRIPTS:
        raise UsageError(f"There is no completion for {shell!r}. {did_you_mean(shell, SCRIPTS)}")
    print(SCRIPTS[shell], end="")
    return 0
