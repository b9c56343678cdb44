"""One round: every client sends a small set that it made of its own images, and the server trains on all of them.

Any method may make it (as in FedD3, Song et al., arXiv 2208.11311, and DOSFL, Zhou et al., arXiv 2009.07999, with
methods of their own); random real images, or all of them, are what it is compared with. A client speaks for the classes
that it has ten images of; of the others it sends nothing.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from ddkit.applications.base import Job, OfTraining, Outcome, made_on, require_makable, seeded
from ddkit.applications.federated.clients import Deal, held, of_client, own_images, raw_bytes, weight_bytes
from ddkit.data import Dataset, Split
from ddkit.foundation.checkpoints import Checkpoint
from ddkit.foundation.errors import require
from ddkit.foundation.files import digest
from ddkit.foundation.randomness import stream
from ddkit.foundation.schema import COUNT
from ddkit.networks import build_for
from ddkit.networks.cost import Stopwatch
from ddkit.runs.jobs import PARTS
from ddkit.runs.workers import in_parallel
from ddkit.specs import Evaluate, Full, Source, Start
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.budget import storage
from ddkit.synthetic.widening import widened
from ddkit.training import Protocol, score
from ddkit.training.scores import SCORED

FEWEST = 2  # classes of a client, for a method to have something to tell apart


@dataclass(frozen=True)
class OneShot(OfTraining):
    """Names a federated learning in one round.

    The record's result has ``runs``, one for each seed, which deals the images and makes the sets anew: the scores of
    the server's network; ``up``, the bytes of all that clients sent; ``sent``, how many images; ``silent``, how many
    clients had nothing to send; and ``making_seconds``. Further ``last``, the bytes of the trained weights on their way
    down to all clients, and ``images`` of all clients.

    Attributes:
        of: what a client makes of its own images: a distillation, its start, a coreset, random real images; the full
            data send them as they are.
        clients, alpha, images: as in ``Deal``.
        protocol, network, width, seeds, epochs, updates: of the server's networks, as in ``Evaluate``; no kernel's
            protocol, and not ``learned``.
    """

    RESULT: ClassVar[dict] = {"runs": [{**SCORED, "up": COUNT, "sent": COUNT, "silent": COUNT}], "last": COUNT,
                              "images": COUNT, "protocol": dict}

    of: Source
    clients: int = 10
    alpha: float | None = 0.5
    images: int | None = None
    protocol: str = "standard"
    network: str = "ConvNetD3"
    width: int = 128
    seeds: int = 5
    epochs: int | None = None
    updates: int | None = None

    @property
    def evaluation(self) -> Evaluate:
        return replace(super().evaluation, updates=self.updates)

    @property
    def deal(self) -> Deal:
        return Deal(self.clients, self.alpha, self.images)

    def check(self) -> None:
        super().check()
        self.deal.check()
        require_makable(self.of, "what a client sends")

    def check_on(self, dataset: Dataset) -> None:
        super().check_on(dataset)
        self.deal.check_on(dataset)
        for seed in range(self.seeds):
            require(any(self.client(dataset, own) for own in self.deal.dealt(dataset, seed)),
                    f"no client has {FEWEST} classes with enough images to speak for: ask for fewer clients, fewer "
                    "images per class or a larger alpha")

    def client(self, dataset: Dataset, indices: torch.Tensor) -> tuple[Dataset, list[int]] | None:
        """A client's data set and the classes that it speaks for; None if they are too few."""
        split = own_images(dataset, indices)
        classes = held(split, len(dataset.classes), self._ipc)
        return (of_client(dataset, split, classes), classes) if len(classes) >= FEWEST else None

    @property
    def _ipc(self) -> int:
        one = self.of.of if isinstance(self.of, Start) else self.of
        return getattr(one, "ipc", 1)

    def work(self, job: Job) -> Outcome:
        """Every seed's sets and the network trained on them, side by side where joblib is told to; what is done is
        reloaded, client by client."""
        how = self.evaluation.how(job.dataset)
        runs = in_parallel(_shot, [(job.checkpoint(f"{PARTS}/seed-{seed}-done.pt", seed=seed), job, self, how, seed)
                                   for seed in range(self.seeds)])
        network = build_for(job.dataset, self.network, self.width, stream(0, "size"))
        result = {"runs": runs, "last": self.clients * weight_bytes(network), "protocol": how.as_dict(),
                  "images": sum(map(len, self.deal.dealt(job.dataset, 0))), "chance": job.dataset.chance}
        seconds = sum(run["making_seconds"] + run["train_seconds"] + run["test_seconds"] for run in runs)
        return Outcome(seconds, runs[0]["updates"], result, superseded=(job.parts,))


def _shot(kept: Checkpoint, job: Job, spec: OneShot, how: Protocol, seed: int) -> dict:
    """One seed: the sets of all clients, then the network trained on them; or what was kept of it."""
    done = kept.load()
    if done:
        return done
    watch, dataset, found, up = Stopwatch(), job.dataset, [], 0
    dealt = spec.deal.dealt(dataset, seed)
    for number, indices in enumerate(dealt):
        if isinstance(spec.of, Full):  # which needs nobody to speak for a class
            found.append(own_images(dataset, indices))
            up += raw_bytes(len(indices), dataset)
        elif client := spec.client(dataset, indices):
            own = seed * spec.clients + number  # seed of this client's draws
            made = made_on(client[0], seeded(spec.of, own), job, job.parts / f"client-{own}", own, client=own)
            split, size = _sent(made, client[1], dataset)
            found.append(split)
            up += size
    making, union = watch.seconds, _together(found)
    so_far = job.checkpoint(f"{PARTS}/seed-{seed}.pt", seed=seed, set=digest([union.images, union.labels]))
    title = f"{spec.network} on what clients sent, seed {seed + 1} of {spec.seeds}"
    scored = score(union, dataset, spec.network, how, seed, width=spec.width, title=title, checkpoint=so_far,
                   quiet=job.quiet)
    scored |= {"up": up, "sent": len(union), "silent": len(dealt) - len(found), "making_seconds": making}
    kept.save(scored)
    return scored


def _sent(made: SyntheticSet | Split, classes: list[int], dataset: Dataset) -> tuple[Split, int]:
    """What a client sent, with labels in terms of all classes, and its bytes."""
    device = dataset.train.images.device
    if isinstance(made, Split):
        labels = torch.as_tensor(classes, device=made.labels.device)[made.labels]
        return Split(made.images, labels).to(device), raw_bytes(len(made), dataset)
    split = made.training_split()
    return (Split(split.images, widened(made, classes, len(dataset.classes)), squared=split.squared).to(device),
            storage(made))


def _together(parts: list[Split]) -> Split:
    return Split(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]),
                 squared=parts[0].squared)
