# %% [markdown]
# # 2 · Attention matching: DataDAM
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({COLAB}/blob/main/notebooks/02_attention_matching.ipynb)
#
# - **Course part:** Task 1, questions 1a to 1e (5 marks), 2b (4 marks) and the distillation of 2d (2 marks).
# - **You will learn** what an attention map of a network is, how DataDAM turns it into a loss, and how that loss moves a
#   hundred images until they stand for 54,000.
# - **Before you start:** lesson 1.
# - **Time:** 40 minutes of reading; each of the two distillations takes 20 to 30 minutes on one processor core in the laptop
#   profile, and seconds if its result came with the repository. An interrupted run resumes when its cell is run again.

# %%
# On Colab this fetches ddkit (it is not published yet: OWNER stands for its future account).
import os
import subprocess
import sys

if "google.colab" in sys.modules and not os.path.exists("ddkit"):
    subprocess.run("git clone -q {REPOSITORY}", shell=True, check=True)
    os.chdir("ddkit")
    subprocess.run("pip install -q -r requirements.txt", shell=True, check=True)

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import plots
from ddkit.course import lesson
from ddkit.methods import presets
from ddkit.plots import tables

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The idea
#
# Dataset distillation looks for a small synthetic set $S$ such that a network trained on $S$ does as well on test data
# as one trained on the full set. Training to the end inside every step is too expensive. DataDAM (Sajedi et al., ICCV
# 2023) instead asks that $S$ *looks the same* as the real data to many random networks: the same places must be active.
#
# ## From feature maps to an attention map
#
# A block of the network turns an image into a stack of maps $f$ with channels $c$ and places $h, w$. How much a place
# matters, over all channels, is its attention:
#
# $$A_{hw} = \sum_c |f_{chw}|^p, \qquad \text{then } A \leftarrow A / \lVert A \rVert_2.$$
#
# The norm makes bright and pale images comparable: only *where* counts, not how much. Here is the derivation as code.

# %%
def my_attention_map(features, power):
    """[n, ch, H, W] -> [n, H*W], rows of norm 1."""
    attention = features.abs().pow(power).sum(dim=1)
    attention = attention.flatten(start_dim=1)
    return attention / attention.norm(dim=1, keepdim=True)


# %% [markdown]
# Check it: rows have norm one, it ignores an image's overall strength, and it agrees with the package.

# %%
from ddkit.methods.matching.datadam import attention_map

features = torch.rand(5, 8, 6, 6, generator=torch.Generator().manual_seed(0))
mine = my_attention_map(features, power=4)
torch.testing.assert_close(mine.norm(dim=1), torch.ones(5))
torch.testing.assert_close(my_attention_map(3 * features, power=4), mine)
torch.testing.assert_close(attention_map(features, power=4), mine)

# %% [markdown]
# **Predict:** if $p$ grows, does the map become flatter or more peaked? What happens for very large $p$?

# %%
{p: round(float(my_attention_map(features, p).max()), 2) for p in (1, 2, 4, 16)}

# %% [markdown]
# ## See it
#
# Attention of an untrained network: the first block sees strokes, later blocks see coarse places. That an *untrained*
# network already tells shapes apart is the reason why matching random networks works at all.

# %%
from ddkit.networks import build
from ddkit.foundation.randomness import stream

network = build(profile.network, data.channels, 10, data.size, width=profile.width, generator=stream(0, "lesson 2"))
digits = torch.stack([data.train.of_class(c)[0] for c in (0, 3, 7)])
noise = torch.randn(digits.shape, generator=stream(0, "noise"))
plots.attention_maps(network, digits, noise, data.mean, data.std, power=1, titles=("real images", "noise"))

# %% [markdown]
# ## From attention maps to a loss
#
# For every class, take the **mean** attention map of the real images and of the synthetic ones, block by block, and let
# them agree. The last block enters through its embedding $e$ (the flattened input of the classifier) with a small
# weight:
#
# $$L = \sum_{\text{classes}} \Big[ \sum_{l} \big\lVert \overline{A_l}(\text{real}) - \overline{A_l}(\text{syn})
# \big\rVert^2 + \lambda \big\lVert \overline{e}(\text{real}) - \overline{e}(\text{syn}) \big\rVert^2 \Big]$$

# %%
def my_loss(real, synthetic, lam, power):
    """Lists of maps [classes, n, ch, H, W], and last the embedding [classes, n, D]."""
    total = 0.0
    for c in range(len(real[0])):
        for r, s in zip(real[:-1], synthetic[:-1], strict=True):
            difference = my_attention_map(r[c], power).mean(0) - my_attention_map(s[c], power).mean(0)
            total = total + difference.square().sum()
        total = total + lam * (real[-1][c].mean(0) - synthetic[-1][c].mean(0)).square().sum()
    return total


# %%
from ddkit.methods.matching.datadam import attention_matching_loss


def features_by_class(images):
    """All blocks' maps but the last, then the embedding, each [classes, n, ...]."""
    *maps, _, embedding = network.features(images.flatten(0, 1))
    return [f.unflatten(0, images.shape[:2]).detach() for f in (*maps, embedding)]


real = features_by_class(torch.stack([data.train.of_class(c)[:20] for c in range(3)]))
few = features_by_class(torch.stack([data.train.of_class(c)[20:24] for c in range(3)]))
torch.testing.assert_close(my_loss(real, few, 0.01, 4), attention_matching_loss(real, few, lam=0.01, power=4))
assert my_loss(real, real, 0.01, 4) == 0

# %% [markdown]
# Common slips, all seen in reports on this very project: matching *logits*; matching a *single* image instead of class
# means; forgetting the norm; an optimiser that holds the network instead of the images; evaluating the images one
# started from. ddkit refuses the last: a run whose images did not move is an error.

# %% [markdown]
# ## The schedule, read carefully
#
# Table 1 of the assignment has $K$ networks, $T$ iterations, and steps $\zeta_S$ (images) and $\zeta_\theta$ (network):
#
#     for each of K fresh networks:
#         T times:
#             zeta_S updates of the images          (attention matching)
#             zeta_theta updates of the network     (on the synthetic images)
#
# **Predict:** how many updates do the images get in total for $K=100$, $T=10$, $\zeta_S=1$?

# %%
full_course = ddkit.Distill(dataset=profile.dataset, preset="course")
f"{full_course.total_updates} updates; this profile makes {profile.distill().total_updates} from real images"

# %% [markdown]
# A preset says where it departs from the table, the paper or the paper's code, and where those disagree:

# %%
print("\n".join(presets.departures("datadam", "course")))

# %%
lesson.table(tables.knobs(full_course.config, "github"))

# %% [markdown]
# ## Distil from real images (2b)
#
# **Predict:** will the distilled digits still look like digits? Will they move far from where they started?

# %%
real_run = lesson.told(ddkit.run(profile.distill("real")))
assert real_run.result["moved"] > 0
f"{real_run.updates} updates moved the images by {real_run.result['moved']:.1f}"

# %% [markdown]
# ## Distil from Gaussian noise (2d)
#
# **Predict:** noise has further to go, so it may get more updates. Will its loss become as small as that from real images?

# %%
noise_run = lesson.told(ddkit.run(profile.distill("noise")))
f"{noise_run.updates} updates moved the images by {noise_run.result['moved']:.1f}"

# %%
plots.loss_curve({"from real images": real_run, "from noise": noise_run})

# %% [markdown]
# The loss jumps whenever a fresh network comes: each network is a new question to the same images. So do not read a
# single value; read the trend. Or put one question twice: the network from the pictures above has matched nothing. What
# does it say to the images before and after?

# %%
real = features_by_class(torch.stack([data.train.of_class(c)[:100] for c in range(10)]))


def asked(images):
    """The loss [] of a synthetic set [10 n, ch, H, W] before the network from above."""
    return my_loss(real, features_by_class(images.unflatten(0, (10, -1))), lam=0.01, power=1)


for run in (real_run, noise_run):
    assert asked(run.synthetic.images) < asked(run.synthetic.start)

# %% [markdown]
# ## Move it
#
# The same maps with a slider for $p$, the block, the network and the class, and what an augmentation does to both sides.
# The figure below each dashboard is for where widgets do not live; lesson 10 has a task for each.

# %%
from ddkit.widgets.attention_lab import AttentionLab

lab = AttentionLab({"from real images": real_run, "from noise": noise_run}, data)
lab

# %%
lab.figure()

# %%
from ddkit.widgets.augmentation_bench import AugmentationBench

augmentation = AugmentationBench(real_run.synthetic, data)
augmentation

# %%
augmentation.figure()

# %% [markdown]
# ## Polyps
#
# The same method, on colour images of two classes: your own copy of MHIST, or the synthetic stand-in (lesson 1).
# **Predict** from Table 1 (K = 200, T = 10): how many updates would the images get?

# %%
polyps = lesson.polyps()
tissue = ddkit.load(polyps.dataset, size=polyps.size)
table_1 = ddkit.Distill(dataset="mhist", preset="course", ipc=50)
assert table_1.total_updates == 200 * 10 * 1
f"{table_1.total_updates} updates; this profile makes {polyps.distill().total_updates} of {polyps.ipc} images per class"

# %%
print("\n".join(presets.departures("datadam", "course", "mhist")[-1:]))

# %% [markdown]
# **Predict:** where will a random network look in stained tissue?

# %%
network = build(polyps.network, tissue.channels, 2, tissue.size, width=polyps.width, generator=stream(0, "polyps"))
hp, ssa = (tissue.train.of_class(c)[:3] for c in range(2))
plots.attention_maps(network, hp, ssa, tissue.mean, tissue.std, power=polyps.distill().config.power, titles=tissue.classes)

# %%
polyp_run = lesson.told(ddkit.run(polyps.distill("real")))
assert polyp_run.result["moved"] > 0
plots.loss_curve({"polyps, from real images": polyp_run})

# %% [markdown]
# Digits of a class have strokes at the same places; crypts lie anywhere. So a class's mean attention map is nearly flat,
# and the two classes' means are close together. **Think:** what does that say about how well matching means can work
# here? Lesson 4 measures it. It is why the laptop profile weighs the embeddings' term by 1 here, not by Table 1's 0.01.

# %%
def mean_map(images):
    """Mean attention map of the first block, [H*W]."""
    return my_attention_map(network.features(images)[0].detach(), 4).mean(0)


between = float((mean_map(tissue.train.of_class(0)[:200]) - mean_map(tissue.train.of_class(1)[:200])).norm())
within = float((mean_map(tissue.train.of_class(0)[:10]) - mean_map(tissue.train.of_class(0)[10:20])).norm())
f"classes differ by {between:.3f}; two handfuls of the same class differ by {within:.3f}"

# %% [markdown]
# ## Concept questions (1a to 1e)
#
# **1a.** What does dataset distillation look for, and how does it differ from picking a coreset of real images?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# **1b.** Why does DataDAM match *attention maps* rather than pixels or all feature maps? What does the normalisation
# buy?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# **1c.** What does the embedding's term add that attention maps cannot see? What would happen with a very large
# $\lambda$?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# **1d.** Gradient matching needs second derivatives and trajectory matching needs stored experts. What does DataDAM
# need, and why can it use random networks?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# **1e.** Name one use of distilled data for which a coreset would not do as well, and one risk.

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ## Try it: predict, reveal, run
#
# 135 small distillations of digits are stored: guess what a knob does, then reveal it. Below them Run makes one of your own.

# %%
from ddkit.widgets.hyperparameter_bench import HyperparameterBench

small = ddkit.Distill("digits", ipc=1, network="ConvNetD3", width=16, updates=40, options=(("network_steps", 10),))
bench = HyperparameterBench([small])
bench

# %%
bench.figure()

# %% [markdown]
# ## What you should take away
#
# * An attention map says *where* a network looks; a norm makes it comparable.
# * The loss compares class means over many random networks; nothing is trained to the end.
# * Say how many updates the images got: "K = 100" alone means nothing.
#
# **More questions**
#
# 1. Which of Table 1's symbols would you double if you had twice the time, and how would you decide without test data?
# 2. Siamese augmentation applies one draw to both sides. What would go wrong with two independent draws?
