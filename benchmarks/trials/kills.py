"""Runs that are killed again and again, at random times, until they end: the result must be an unbroken one's."""

from dataclasses import dataclass

from trials.commands import RESUMED, Command, Store, Unbroken
from trials.outcomes import Outcome, unfinished
from trials.process import command
from trials.results import Case, Result

KILLS = 20  # of each kind of run
PATIENCE = 120.0  # seconds for an end without a kill


@dataclass(frozen=True)
class Kills(Case):
    """``kills`` kills of one command, over as many runs as that takes."""

    command: Command
    kills: int

    section = "kills"

    def work(self, store: Store) -> list[Result]:
        unbroken, rng, results = store.unbroken(self.command), self.rng, []
        while (left := self.kills - sum(result.tried for result in results)) > 0:
            results.append(self._until_it_ends(store, unbroken, rng, left))
        return results

    def _until_it_ends(self, store: Store, unbroken: Unbroken, rng, left: int) -> Result:
        """One run, killed at most ``left`` times."""
        folder, killed, orphans = store.folder(self.name, self.command), [], []
        while True:
            running = command(self.command.arguments, folder)
            moment, group = rng.uniform(0, unbroken.seconds), rng.random() < 0.5
            if len(killed) == left or running.wait(moment):
                break
            running.kill(group)  # or the first process alone, whose workers then go on for a while
            orphans.append(running)
            killed.append(round(moment, 2))
        running.wait(PATIENCE)
        ended = running.end()
        for orphan in orphans:
            orphan.end()
        fault = str(ended) if ended.code else unbroken.outcome.difference(Outcome.of(folder, ended.out)) or ", ".join(
            f"{path} is left" for path in unfinished(folder))
        return self.result(fault and f"killed after {killed} s: {fault}", len(killed))


def cases(seed: int, number: int | None) -> list[Kills]:
    kills = KILLS if number is None else max(1, number // len(RESUMED))
    return [Kills(found.kind, 0, seed, found, kills) for found in RESUMED]
