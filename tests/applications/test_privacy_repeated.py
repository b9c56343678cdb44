"""Membership inference where images are in the data more than once."""

import dataclasses

import torch

from ddkit.applications.privacy import Membership
from ddkit.applications.privacy.membership import Attack, attack, confidence, likelihood_ratios
from ddkit.data import Split
from ddkit.foundation.randomness import stream
from ddkit.methods import METHODS, presets
from ddkit.methods.loop import distill
from ddkit.networks import build_for
from ddkit.specs import RandomReal
from ddkit.synthetic import SyntheticSet
from ddkit.training import PROTOCOLS, fit, logits

WHO = Membership(RandomReal("digits", 1), images=60, models=8)
ONE_A_CLASS = torch.arange(60) % 6 == 0


def repeated(pool, own, copies):
    """The members, those of ``ONE_A_CLASS`` among them so many times."""
    rows = torch.nonzero(own)[:, 0].repeat_interleave(torch.where(ONE_A_CLASS, copies, 1)[own])
    return Split(pool.images[rows], pool.labels[rows])


def distilled(dataset, seed):
    """A set from noise, by KIP on all images in every batch."""
    synthetic = SyntheticSet.from_noise(dataset, 1, stream(seed, "init"))
    config = presets.configure("kip", "course", {"updates": 20, "real_batch": len(dataset.train)})
    distill(METHODS["kip"](config), synthetic, dataset, updates=20, seed=seed, quiet=True)
    return synthetic.training_split()


def confidences(digits, copies):
    """phi of all images under a network trained on each model's set, [models, images]."""
    pool, how, rows = WHO.pool(digits), dataclasses.replace(PROTOCOLS["assignment"], epochs=60, lr=0.05), []
    for seed, own in enumerate(WHO.members(digits)):
        among = dataclasses.replace(digits, train=repeated(pool, own, copies))
        network = build_for(digits, "MLP", 8, stream(seed, "network"))
        fit(network, distilled(among, seed), how, stream(seed, "order"), quiet=True)
        rows.append(confidence(logits(network, pool.images), pool.labels))
    return torch.stack(rows)


def attacks(digits, copies) -> dict[str, tuple[Attack, Attack]]:
    """By each attack, how well members are told among the repeated images and among the plain ones, over all models."""
    found, members, pair = confidences(digits, copies), WHO.members(digits), torch.arange(WHO.models) // 2
    ratios = torch.stack([likelihood_ratios(found[n], found[pair != pair[n]], members[pair != pair[n]])
                          for n in range(WHO.models)])
    return {name: tuple(attack(scores[:, some].flatten(), members[:, some].flatten())
                        for some in (ONE_A_CLASS, ~ONE_A_CLASS))
            for name, scores in (("threshold", found), ("lira", ratios))}


def test_a_member_that_is_there_twenty_times_is_found_more_easily_than_a_plain_one(digits):
    """Than the plain ones that the same sets were made from, and than the same images where they are there once."""
    often, once = (attacks(digits, copies) for copies in (20, 1))
    for name, (repeats, plain) in often.items():
        same_once = once[name][0]
        assert repeats.low > plain.high and repeats.low > same_once.high, (name, repeats, plain, same_once)
