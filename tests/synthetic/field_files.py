"""Sets as the field's files hold them, for tests: laid down in its layouts, on other scales, and compared."""

import torch

ROWS = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]]).repeat_interleave(4, 0)
Y = torch.arange(3).repeat_interleave(2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def field_file(path, *entries, **more):
    torch.save({"data": [list(entry) for entry in entries], "accs_all_exps": {"ConvNet": [0.9]}} | more, path)
    return path


def pair(folder, real, labels=None, rate=None, tag="best"):
    torch.save(real.images, folder / f"images_{tag}.pt")
    torch.save(real.labels if labels is None else labels, folder / f"labels_{tag}.pt")
    if rate is not None:
        torch.save(rate, folder / f"lr_{tag}.pt")
    return folder / f"images_{tag}.pt"


def stretched(images, dataset):
    mean, std = (torch.tensor(v)[:, None, None] for v in (dataset.mean, dataset.std))
    return images * std + mean


def same(one, other):
    assert one.meaning == other.meaning and one.learning_rate == other.learning_rate
    assert (one.mean, one.std, one.classes) == (other.mean, other.std, other.classes)
    for name in ("images", "labels"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
