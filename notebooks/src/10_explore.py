# %% [markdown]
# # 10 · Explore
#
# - **Course part:** {PART}.
# - **You will learn** to predict before you look, to see what a knob does, and to tell a lead from luck.
# - **Before you start:** lessons 2 to 4; lesson 6 for the trajectory map.
# - **Time:** as long as you like. All controls are reached by the keyboard. Where widgets do not live (a printed page, the
#   web view of a repository) the figure below each dashboard shows what it showed when this page was made.
#
# In a lecture hall `python -m ddkit explore` serves this page, for the machine it runs on alone.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
from ddkit.course import lesson

profile = lesson.begin()
data = ddkit.load(profile.dataset)
real_run = lesson.told(ddkit.run(profile.distill("real")))
noise_run = lesson.told(ddkit.run(profile.distill("noise")))

# %% [markdown]
# ## Attention lab: where does a random network look?
#
# Rows are real images, the start of a distillation, and its end. **Predict, then drag:** what does a larger $p$ do to a
# map? Does another random network look elsewhere? In which row do the maps change most when you choose another class?

# %%
from ddkit.widgets.attention_lab import AttentionLab

lab = AttentionLab({"from real images": real_run, "from noise": noise_run}, data)
from_real = lab.attending  # the first, whatever the menu shows later
lab

# %%
lab.figure()

# %% [markdown]
# Take the distillation from real images, $p = 1$ and network 0. **Which term of the loss fell most, as a share of itself?**
# Write its name, as in `"block 1"` or `"embedding"`.

# %%
fell_most = None

lesson.answered(fell_most, min(from_real.losses(0, 1), key=lambda term: term.end / term.start).name)

# %% [markdown]
# ## Augmentation bench: one draw for both sides
#
# **Predict:** which operation would ruin a digit if you pulled its slider to the end, and which would hardly be seen?

# %%
from ddkit.widgets.augmentation_bench import AugmentationBench

bench = AugmentationBench(real_run.synthetic, data)
bench

# %%
bench.figure()

# %% [markdown]
# **Which operation that the bench offers is left out of this data set's own augmentation, because what comes out may be another
# sign?** (Look at a 2 in a mirror.)

# %%
left_out = None

lesson.answered(left_out, "flip" if not data.flips else "none")

# %% [markdown]
# ## Time machine: when did it happen?
#
# **Predict:** at which share of the updates will half of the whole way be behind the images?

# %%
from ddkit.widgets.time_machine import TimeMachine

machine = TimeMachine()
machine.label.value = 3  # one class, which can be seen better than all at once
seen = machine.run  # that it begins with, whatever the menu shows later
machine

# %%
machine.figure()

# %% [markdown]
# Take the run that the machine began with (the cell below names it), and its kept moments. **After how many updates had its images first moved half of
# their whole way?**

# %%
half_way = None

halves = [updates for updates in seen.updates if seen.moved(updates) >= seen.moved(seen.updates[-1]) / 2]
print(seen.name)
lesson.answered(half_way, halves[0])

# %% [markdown]
# ## Is it real?
#
# Two sets before the same judge. **Predict** for two seeds, then for all: is the lead told apart from luck? Look for a pair
# whose verdict flips with the number of seeds, and for one with hardly any lead: there are some of both among the records.
# (Lines join the seeds of both sets that share their draws; the error is then that of the differences, and not quite lesson 8's.)

# %%
from ddkit.widgets.is_it_real import IsItReal

verdict = IsItReal()
verdict

# %%
verdict.figure()

# %%
from itertools import combinations

from ddkit.stored.judged import judged, lead
from ddkit.stored.shelf import shelf


def verdicts(first, second):
    """Of a pair: the lead from the first two seeds, three, and so on, to all."""
    return [lead(first, second, most) for most in range(2, min(len(first.by_seed), len(second.by_seed)) + 1)]


shipped = [[sample for sample in samples if all(record.shipped for record in sample.records)]
           for samples in judged(shelf()).values()]
pairs = [told for samples in shipped for pair in combinations(samples, 2) if (told := verdicts(*pair))]
flips = sum(len({found.told_apart for found in told}) > 1 for told in pairs)
even = sum(bool(told[-1].error) and abs(told[-1].in_errors) < 1 for told in pairs)
assert not pairs or (flips and even)
f"of {len(pairs)} pairs that came with ddkit {flips} flip, and {even} end within one standard error of no lead"

# %% [markdown]
# **Is the first set of the pair above ahead, and told apart from luck by these seeds?** (`True` or `False`)

# %%
is_real = None

lesson.answered(is_real, verdict.lead.told_apart and verdict.lead.gap > 0)

# %% [markdown]
# ## Images per class: what do more of them buy?
#
# **Predict:** do ten times the images take away half of what is missing to the full data?

# %%
from ddkit.widgets.images_per_class import ImagesPerClass

growth = ImagesPerClass()
growth

# %%
growth.figure()

# %% [markdown]
# ## Hyperparameter bench: predict, then reveal, then run
#
# The upper part is a stored grid of 135 small distillations of digits, each judged on *validation* data by five networks.
# Guess first; the answer hides again whenever you move. In the lower part Run makes a distillation of your own, an ordinary
# run with a record of its own: stop it, and the same Run goes on.

# %%
from ddkit.widgets.hyperparameter_bench import HyperparameterBench

small = ddkit.Distill("digits", ipc=1, network="ConvNetD3", width=16, updates=40, options=(("network_steps", 10),))
hyper = HyperparameterBench([small, ddkit.Distill("digits", "kip", ipc=1, updates=50)])
hyper

# %%
hyper.figure()

# %% [markdown]
# **Find the $\lambda$** (`lam`) that is best at $p = 1$, ten images per class and an image rate of 0.1. Any that five
# networks cannot tell from the best, by two standard errors, will do.

# %%
best_lam = None

grid = hyper.revealed.grid
assert len(grid.cells) == 135 and {len(cell.accuracies) for cell in grid.cells} == {5}, "as told above"
cells = {cell.values[0]: cell for cell in grid.along("lam", lam=0.0, power=1.0, ipc=10, image_lr=0.1)}
top = max(cells.values(), key=lambda cell: cell.mean)
good = [lam for lam, cell in cells.items() if top.mean - cell.mean < 2 * (top.error**2 + cell.error**2) ** 0.5]
lesson.answered(best_lam, *good)

# %% [markdown]
# How much can such a grid say? So many of its values of $\lambda$ are as good as the best for all that five networks can
# tell:

# %%
assert top.values[0] in good
f"{len(good)} of {len(cells)}; the best has {100 * top.mean:.1f} ± {100 * top.error:.1f} %, the worst " \
f"{100 * min(cell.mean for cell in cells.values()):.1f} %"

# %% [markdown]
# ## Trajectory map: does the student follow?
#
# Lesson 6 matches the path of an expert through the space of weights. **Predict:** a student that trains on PAD's images
# and one that trains on their start: which gets nearer to the target? And from a later epoch than PAD has matched?

# %%
from ddkit.widgets.trajectory_map import TrajectoryMap

pad = profile.match_trajectories("pad")
pad_run = lesson.told(ddkit.run(pad))
paths = TrajectoryMap({"PAD": pad_run}, ddkit.run(pad.experts), data)
paths

# %%
paths.figure()

# %% [markdown]
# ## What you should take away
#
# * Guess first: a picture can only contradict what you have said before you saw it.
# * A lead without its standard error is a rumour, and so is a best value of a knob.
# * A live run is an ordinary run. Whatever you find here can be named, stopped, gone on with, and put into a report.
