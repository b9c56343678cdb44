"""Values that cannot work, for every option of every command and every knob of every method, and forged files.

Each must be refused in one sentence, or work within seconds; what is long but legal must show its progress bar and
stop when it is interrupted. Memory is limited, so that nothing can ask for all there is.
"""

import signal
from dataclasses import dataclass, fields
from pathlib import Path

from ddkit import commands, methods
from trials import forged
from trials.commands import (
    BASELINE,
    CHECK,
    CORESET,
    DISTILLED,
    EVALUATE,
    GDUMB,
    MAKE,
    PRETRAINED,
    RUNS,
    SEARCH,
    SHOW,
    TRAINED,
    TRANSFER,
    Command,
    Store,
)
from trials.process import Ended, command
from trials.results import Case, Result

NUMBER, FORGED = 300, 90  # trials, and how many of them are forged files at most
MEMORY, PROCESSES = 6 << 30, 24
LONG, INTERRUPTED = 12.0, 20.0  # seconds after which a command is interrupted, and in which it must then stop

# A small legal command for each; the options that are tried come behind its own and so replace them.
LEGAL = {"baseline": BASELINE, "experts": TRAINED, "pretrain": PRETRAINED, "distill": DISTILLED["datadam"],
         "coreset": CORESET, "continual": GDUMB, "evaluate": EVALUATE, "transfer": TRANSFER, "search": SEARCH,
         "show": SHOW, "runs": RUNS, "course": Command("course", "course --dataset digits --runs runs"), "data": MAKE,
         "data check": CHECK}
NUMBERS = ("-1", "0", "1", "1.5", "", "x", "nan", "inf", "1e30", "1000000000", str(10**18), str(-(10**30)), "٣")
FRACTIONS = ("-1", "0", "nan", "inf", "-inf", "1e30", "1e-300", "1e400", "", "x")
WORDS = ("", " ", "x", "..", "0", "-1", "nan", "1000000000", str(10**18), "1,,2", ",", "Ünïcödé ✓", "a" * 300, "../x",
         "digits-99", "digits-0-0", "digits-" + "9" * 30, "ConvNetD999999999", "NTKD999999999", "MLP", "0,1/1", "[[")
PATHS = ("", " ", "Ünïcödé ✓", "a" * 300, "in the way", "in the way/x", "x/" * 40 + "x", "/proc/ddkit", "new\nline")
KNOBS = ("-1", "0", "1.5", "1e30", "NaN", "Infinity", "-Infinity", "1000000000", str(10**18), str(10**400), "", "x",
         "true", "null", "[]", "{}", '"Ünïcödé"', "[" * 5000, "1e-320", "ConvNetD999999999", "NTKD999999999")
JOBS = ("-1", "0", "1.5", "x", "", "nan", "64", "1000000000")


@dataclass(frozen=True)
class Value(Case):
    """A command with a bad value behind its own arguments."""

    command: Command
    arguments: tuple[str, ...]

    section = "bad values"

    def work(self, store: Store) -> list[Result]:
        folder = store.folder(self.name.replace("/", "-")[:80], self.command)
        (folder / "in the way").write_text("a file")
        ended, long = run(list(self.arguments), folder)
        fault = judge(ended, long)
        return [self.result(fault and f"{_told(self.command, self.arguments)}: {fault}")]


@dataclass(frozen=True)
class Forged(Case):
    """A file that looks valid and is not: the one of ``forged.ALL`` with this index."""

    section = "bad values"

    def work(self, store: Store) -> list[Result]:
        made = forged.ALL[self.index]
        folder = made.write(store, self.name.replace("/", "-"))
        outside = set(folder.parent.iterdir())
        ended, long = run(made.then.arguments, folder)
        fault = judge(ended, long)
        if set(folder.parent.iterdir()) - outside:
            fault = "files were written outside the folder"
        return [self.result(fault and f"{made.kind} ({made.what}), then {made.then.kind}: {fault}")]


def run(arguments: list[str], folder: Path) -> tuple[Ended, bool]:
    """How a command ends within limits, and whether it had to be interrupted."""
    running = command(arguments, folder, memory=MEMORY, environment={"DDKIT_PROGRESS": "1"})
    long = not running.wait(LONG, PROCESSES)
    if long:
        running.kill(by=signal.SIGINT)
        running.wait(INTERRUPTED)
    return running.end(), long


def judge(ended: Ended, long: bool) -> str:
    """What was wrong, if anything."""
    if long and ended.code == 130 and ended.at_work and not ended.noisy:
        return ""
    if long:
        return f"still at work after {LONG:.0f} s, then interrupted: {ended}"
    return "" if ended.complains or (ended.code == 0 and not ended.noisy) else str(ended)


def options() -> list[tuple[str, Command, tuple[str, ...]]]:
    """Every (kind, command, arguments) with a bad value for an option or an argument of a command."""
    found = []
    for name, legal in LEGAL.items():
        for action in _parser(name.split()[0])._actions:
            values = _values(action)
            for value in values:
                told = f"{legal.text.split()[0]} {(action.option_strings or [action.dest])[-1]}"
                found.append((told, legal, _with(legal.arguments, action, value)))
    return found


def _parser(name: str):
    return next(action for action in commands.parser()._actions if action.choices).choices[name]


def _values(action) -> tuple[str, ...]:
    if action.nargs == 0 or action.dest == "set":
        return ()
    if action.dest == "jobs":
        return JOBS
    if action.type is not None:
        return FRACTIONS if action.type is float else NUMBERS
    return PATHS if action.metavar in ("DIR", "FILE", "PATH", "SET") else WORDS


def _with(arguments: list[str], action, value: str) -> tuple[str, ...]:
    if action.option_strings:
        return (*arguments, f"{action.option_strings[-1]}={value}")
    place = 2 if arguments[0] == "data" and action.dest == "path" else 1
    return (*arguments[:place], value, *arguments[place + 1 :])


def knobs() -> list[tuple[str, Command, tuple[str, ...]]]:
    """The same for every knob of every method, by ``--set``."""
    found = []
    for name, legal in DISTILLED.items():
        method = legal.arguments[legal.arguments.index("--method") + 1]
        for field in fields(methods.get(method).Config):
            for value in KNOBS:
                arguments = (*legal.arguments, "--set", f"{field.name}={value}")
                found.append((f"{name} --set {field.name}", legal, arguments))
    return found


def _told(legal: Command, arguments: tuple[str, ...]) -> str:
    """The command's kind and the arguments that are not its own."""
    words = [word for word in arguments if word not in legal.arguments] or [""]
    return " ".join([legal.kind, *(repr(w) if len(w) < 80 else f"{w[:60]!r}... ({len(w)})" for w in words)])


def cases(seed: int, number: int | None) -> list[Case]:
    """Forged files, then values, each option and knob once before any has a second one."""
    number = NUMBER if number is None else number
    rng = Case("choice", 0, seed).rng
    made = rng.sample(range(len(forged.ALL)), min(FORGED, number // 3, len(forged.ALL)))
    chosen = [Forged(f"forged {forged.ALL[i].kind}", i, seed) for i in made]
    everything = options() + knobs()
    rng.shuffle(everything)
    turns: dict[str, int] = {}
    ranked = []
    for kind, legal, arguments in everything:
        turns[kind] = turns.get(kind, -1) + 1
        ranked.append((turns[kind], len(ranked), Value(kind, turns[kind], seed, legal, arguments)))
    return [*chosen, *(case for _, _, case in sorted(ranked, key=lambda r: r[:2])[: number - len(chosen)])]
