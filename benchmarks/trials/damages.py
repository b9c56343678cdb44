"""Files damaged at rest: the next command that uses one says so in a sentence, or gives the undamaged result."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trials.commands import (
    BASELINE,
    CORESET,
    DISTILLED,
    EVALUATE,
    EVALUATE_DATM,
    EVALUATE_FILE,
    FORGETTING,
    GDUMB,
    IDX,
    IDX_GZ,
    MHIST,
    MHIST_ZIP,
    REPLAY,
    RUNS,
    SEARCH,
    SHOW,
    TRAINED,
    Command,
    Store,
)
from trials.outcomes import Outcome
from trials.process import finished
from trials.results import Case, Result
from trials.states import State, copied

MEMORY, PATIENCE = 6 << 30, 60.0  # bytes, seconds
LATER = Command("baseline mhist, again", MHIST.text.replace("--epochs 2", "--epochs 3"))
FROM_FOLDER = "set/synthetic.safetensors"


@dataclass(frozen=True)
class Target:
    """A kind of file, the state that it lies in, and the command that uses it next.

    Attributes:
        foreign: whether it is the user's own data, of which only the fingerprint tells that it is other data.
        optional: whether it may be missing.
        nameless: whether it is known by its content alone, so that what came of it has another name.
    """

    kind: str
    state: State
    file: str
    then: Command
    foreign: bool = False
    optional: bool = False
    nameless: bool = False


def _finished(kind: str, made: Command, file: str, then: Command | None = None) -> Target:
    return Target(kind, State(made), file, then or made)


def _killed(kind: str, made: Command, file: str, killed_with: str | None = None) -> Target:
    return Target(kind, State(made, killed_with or file), file, made)


def _given(kind: str, file: str, then: Command, **more) -> Target:
    return Target(kind, State(None, inputs=then.inputs), file, then, **more)


TARGETS = (
    *(_finished(f"record of {made.kind}", made, "runs/*/record.json") for made in (
        DISTILLED["datadam"], BASELINE, EVALUATE, CORESET, TRAINED, GDUMB, SEARCH)),
    *(_finished(f"series of {made.kind}", made, "runs/*/series.safetensors") for made in (
        DISTILLED["datadam"], BASELINE)),
    Target("record, listed", State(TRAINED), "runs/*/record.json", RUNS, optional=True),
    _given("record of a set, evaluated", "set/record.json", EVALUATE),
    _given("record of a set, shown", "set/record.json", SHOW),
    _given("set, evaluated", FROM_FOLDER, EVALUATE),
    _given("set, shown", FROM_FOLDER, SHOW),
    _finished("set, remembered", GDUMB, "runs/*-digits-[02]-*/synthetic.safetensors", REPLAY),
    _given("evolution", "set/evolution.safetensors", SHOW, optional=True),
    _finished("snapshots, matched", DISTILLED["mtt"], "runs/experts*/expert-*/epoch-*.safetensors", DISTILLED["datm"]),
    _killed("snapshots, half-way", TRAINED, "runs/*/expert-*/epoch-*.safetensors", "runs/*/expert-01/epoch-004.*"),
    _killed("difficulty", TRAINED, "runs/*/easiest_first.safetensors", "runs/*/expert-00/epoch-002.*"),
    _killed("expert.json", TRAINED, "runs/*/expert-00/expert.json", "runs/*/expert-01/epoch-002.*"),
    _killed("checkpoint of an expert", TRAINED, "runs/*/expert-*/checkpoint.pt"),
    *(_killed(f"checkpoint of {name}", made, "runs/distill*/checkpoint.pt") for name, made in DISTILLED.items()),
    _killed("checkpoint of a fit", BASELINE, "runs/*/checkpoint-*.pt"),
    _killed("checkpoint of a coreset", CORESET, "runs/*/checkpoint.pt"),
    _killed("checkpoint of forgetting", FORGETTING, "runs/*/checkpoint.pt"),
    _killed("looks", FORGETTING, "runs/*/looks.pt", "runs/*/checkpoint.pt"),
    _killed("scores so far", BASELINE, "runs/*/parts/seed-*.pt"),
    _killed("parts of gdumb", GDUMB, "runs/continual*/parts/checkpoint.pt"),
    _killed("parts of replay", REPLAY, "runs/continual*/parts/checkpoint.pt"),
    _killed("training of gdumb", GDUMB, "runs/continual*/parts/training.pt"),
    _killed("parts of a search", SEARCH, "runs/search*/parts/*-done.pt"),
    _killed("training of a search", SEARCH, "runs/search*/parts/*[0-9].pt"),
    _given("exported set", "set.pt", EVALUATE_FILE, nameless=True),
    *(_given(f"DATM's {name}", f"{name}_best.pt", EVALUATE_DATM, nameless=True) for name in ("images", "labels", "lr")),
    _finished("cache of mhist", MHIST, "mhist/.ddkit/*", LATER),
    _given("mhist's csv", "mhist/annotations.csv", MHIST, foreign=True),
    _given("mhist's images", "mhist/images/*", MHIST, foreign=True),
    _given("mhist's zip", "zipped/images.zip", MHIST_ZIP, foreign=True),
    _given("idx", "plain/MNIST/raw/*", IDX, foreign=True),
    _given("idx, gz", "packed/MNIST/raw/*", IDX_GZ, foreign=True),
)


def flipped(content: bytes, rng, other: bytes) -> bytes:
    """One to three bits turned."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def truncated(content: bytes, rng, other: bytes) -> bytes:
    return content[: rng.randrange(1, max(2, len(content)))]


def emptied(content: bytes, rng, other: bytes) -> bytes:
    return b""


def zeroed(content: bytes, rng, other: bytes) -> bytes:
    """A stretch of zeros, as a disk leaves that lost power."""
    start = rng.randrange(len(content))
    stop = rng.randint(start + 1, len(content))
    return content[:start] + bytes(stop - start) + content[stop:]


def swapped(content: bytes, rng, other: bytes) -> bytes:
    """Another file of the same kind in its place."""
    return other


def another_digit(content: bytes, rng, other: bytes) -> bytes:
    """One digit changed, where there is one."""
    places = [i for i, byte in enumerate(content) if 48 <= byte < 58]
    if not places:
        return flipped(content, rng, other)
    place = rng.choice(places)
    return content[:place] + str((content[place] - 48 + rng.randint(1, 9)) % 10).encode() + content[place + 1 :]


def deleted(content: bytes, rng, other: bytes) -> None:
    return None


DAMAGES: tuple[Callable, ...] = (flipped, truncated, emptied, zeroed, swapped, another_digit, deleted)


@dataclass(frozen=True)
class Damage(Case):
    """``number`` damages of one kind of file."""

    target: Target
    number: int

    section = "damages"

    def work(self, store: Store) -> list[Result]:
        state = self.target.state.make(store, f"{self.name}-state")
        sound = copied(state, f"{self.index}-sound")
        ended = finished(self.target.then.arguments, sound)
        if ended.code:
            return [self.result(f"'{self.target.then.text}' fails without any damage: {ended}")]
        expected, rng = Outcome.of(sound, ended.out), self.rng
        kinds = rng.sample(DAMAGES, len(DAMAGES))
        return [self.result(self._fault(kinds[i % len(kinds)], state, expected, rng, store))
                for i in range(self.number)]

    def _fault(self, kind: Callable, state: Path, expected: Outcome, rng, store: Store) -> str:
        folder = copied(state, f"{self.index}-damaged")
        path = rng.choice(sorted(folder.glob(self.target.file)))
        content = path.read_bytes()
        damaged = kind(content, rng, _another(path, folder, store, rng))
        path.unlink() if damaged is None else path.write_bytes(damaged)
        if damaged == content or (damaged is None and self.target.optional):
            return ""
        ended = finished(self.target.then.arguments, folder, PATIENCE, memory=MEMORY)
        fault = self._judge(ended, Outcome.of(folder, ended.out), expected, path.relative_to(folder), damaged, folder)
        return fault and f"{path.relative_to(folder)} {kind.__name__}, then {self.target.then.kind}: {fault}"

    def _judge(self, ended, found: Outcome, expected: Outcome, path: Path, damaged: bytes | None, folder: Path) -> str:
        if ended.complains:
            return ""
        if ended.code or ended.noisy:
            return str(ended)
        if str(path) in ended.err:  # not silent
            return ""
        if self.target.foreign and _fingerprint(found) != _fingerprint(expected):
            return ""
        if self.target.nameless:
            same = found.printed["result"] == expected.printed["result"]
            return "" if same else "silently other scores"
        untouched = damaged is None or ((folder / path).is_file() and (folder / path).read_bytes() == damaged)
        difference = expected.difference(found, str(path) if untouched else "")
        return difference and f"silently another result: {difference}"


def _another(path: Path, folder: Path, store: Store, rng) -> bytes:
    """The content of another file with the same ending, in the same folder or, failing that, among the inputs."""
    for place in (folder, store.inputs):
        found = [other for other in sorted(place.rglob(f"*{path.suffix}")) if other != path and other.is_file()]
        if found:
            return rng.choice(found).read_bytes()
    return b"something else"


def _fingerprint(outcome: Outcome) -> object:
    return outcome.printed.get("fingerprint") if isinstance(outcome.printed, dict) else None


def cases(seed: int, number: int | None) -> list[Damage]:
    """By default every kind of damage to every kind of file."""
    number = len(TARGETS) * len(DAMAGES) if number is None else number
    shares = [number // len(TARGETS) + (i < number % len(TARGETS)) for i in range(len(TARGETS))]
    return [Damage(target.kind, i, seed, target, share)
            for i, (target, share) in enumerate(zip(TARGETS, shares, strict=True)) if share]
