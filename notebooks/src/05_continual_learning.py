# %% [markdown]
# # 5 · Continual learning with a memory of a few images
#
# - **Course part:** {PART}.
# - **You will learn** to choose real images that stand for all (coresets), to use chosen or distilled images as the
#   memory of a network whose classes arrive one after the other, and to measure what such a network forgets.
# - **Before you start:** lessons 1 to 4.
# - **Time:** 40 minutes; about two hours more on one processor core in the laptop profile if no result came with the
#   repository.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import plots
from ddkit.applications.continual import report as continual_course, plots as continual_plots
from ddkit.course import lesson

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## First: choosing instead of distilling
#
# A distilled image has to beat a real one. Random real images are the weakest opponent; a **coreset** is a choice made
# with care. Three rules, each looking at one class at a time:
#
# * **Herding** (Welling 2009): the next image is the one that brings the mean of the chosen ones nearest to the mean
#   $\mu$ of all: $\arg\min_x \lVert \mu - \frac{1}{j}(x + \sum_{i<j} x_i) \rVert$.
# * **k-centre** (Sener and Savarese 2018): the next image is the one farthest from all chosen ones.
# * **Forgetting** (Toneva et al. 2019): the images that a network in training learned and lost most often.
#
# "Near" is meant in pixels, or in the embedding of any network.


# %%
def my_herding(rows, k):
    """[n, D] -> the indices of k rows, by trying every row each time."""
    picks = []
    for _ in range(k):
        left = [i for i in range(len(rows)) if i not in picks]
        means = torch.stack([rows[[*picks, i]].mean(0) for i in left])
        picks.append(left[int((means - rows.mean(0)).norm(dim=1).argmin())])
    return picks


# %% [markdown]
# The package sums instead of trying, which is faster; both must agree.

# %%
from ddkit.methods.coresets import forgetting_events, herding

zeros = data.train.of_class(0)[:60].flatten(1).double()
assert my_herding(zeros, 5) == herding(zeros, 5).tolist()
right = torch.tensor([[1, 0], [0, 0], [1, 0], [0, 1]]).bool()  # looks x images
assert forgetting_events(right).tolist() == [2, 0], "learned and lost twice; learned late, never lost"

# %% [markdown]
# **Predict:** which rule chooses typical digits, which chooses strange ones? With one image per class, which will do
# better than chance, and which worse?

# %%
from IPython.display import display

for method in ("herding", "k-centre", "forgetting"):
    chosen = ddkit.run(continual_course.coreset(profile, method, profile.ipc))
    display(plots.image_grid(chosen.synthetic, title=f"Chosen by {method} ({profile.label})"))

# %%
one = continual_course.chosen(profile, 1)
lesson.scores(one)

# %%
ten = continual_course.chosen(profile, profile.ipc)
lesson.scores(ten)

# %%
groups = {"1": one, f"{profile.ipc}": ten}
plots.bars({name: {n: r.scores for n, r in row.items()} for name, row in groups.items()}, data.chance, "images per class")

# %% [markdown]
# Hard images define the border between classes only for somebody who has seen the middle.
#
# ## Classes that arrive one after the other
#
# Now the ten classes come in five steps of two. When a step is over its data are gone, but for a **memory** of
# a few images of each class. The network is always tested on *all* classes seen so far (class-incremental learning).
#
# A step's memory may depend on that step's data only. ddkit makes sure by loading nothing else:

# %%
step = ddkit.load(f"{profile.dataset}-4-5")
print(f"{step.name}: classes {step.classes}, {len(step.train):,} training images")
assert set(step.train.labels.tolist()) == {0, 1}, "labels are counted within the step"

# %% [markdown]
# ### What a step's labels mean later
#
# Labels of the step are then numbered in the order of arrival. For hard labels that is a sum. Sets from kernel ridge
# regression carry *values to regress on*, which start as one-hot $-\frac{1}{k}$ for the $k$ classes of the step.
#
# **Predict:** what must be added so that they say the same among $C$ classes?


# %%
def my_widened(values, first, classes):
    """Values [n, k] for a step's classes -> [n, classes], where the step's classes begin at ``first``."""
    own = values.shape[1]
    probable = torch.zeros(len(values), classes)
    probable[:, first : first + own] = values + 1 / own
    return probable - 1 / classes


torch.testing.assert_close(my_widened(torch.eye(2) - 1 / 2, 4, 10), torch.eye(10)[4:6] - 1 / 10)

# %% [markdown]
# ### Two protocols
#
# * **GDumb** (Prabhu et al. 2020): after each step a *fresh* network is trained on the memory alone. It judges the
#   memory and nothing else.
# * **Replay** (Chaudhry et al. 2019): *one* network goes on learning; each of its batches mixes new images with as many
#   from the memory.
#
# ### A live run
#
# Two small steps with herded images, made now.

# %%
memory = ddkit.Coreset(profile.dataset, 2, "herding")
live = ddkit.Continual(memory, steps=((0, 1), (2, 3)), width=8, seeds=2, epochs=20)
record = lesson.told(ddkit.run(live))
record.result["runs"][0]["after"]

# %% [markdown]
# ## What is measured
#
# Let $a_{t,s}$ be the share recognised of step $s$'s test images after step $t$, and $T$ the last step. **Forgetting**
# (Chaudhry et al. 2018) is how far each step has fallen below its best:
#
# $$F = \frac{1}{T-1} \sum_{s<T} \left( \max_{s \le t < T} a_{t,s} - a_{T,s} \right).$$


# %%
def my_forgetting(a):
    """a[t][s] for s <= t -> F."""
    last = len(a) - 1
    return sum(max(a[t][s] for t in range(s, last)) - a[last][s] for s in range(last)) / last


# %%
from ddkit.applications.continual.spec import forgetting

assert abs(my_forgetting([[1.0], [0.5, 0.9], [0.7, 0.4, 0.8]]) - 0.4) < 1e-9
for run in record.result["runs"]:
    assert abs(my_forgetting(run["by_step"]) - forgetting(run["by_step"])) < 1e-9

# %% [markdown]
# ## Five steps of two classes
#
# Ten images of each class are kept: at random, by herding, or distilled, step by step, by DataDAM and by a kernel method.
# DataDAM begins with the herded images, so its row less herding's is what the distillation itself has added.
#
# **Predict:** DataDAM looks at each class by itself, RFAD learns to tell a step's two classes *apart*. Which memory will
# suffer more from never having seen the other classes?

# %%
gdumb = continual_course.learned(profile)
lesson.table(continual_course.table(gdumb, "github"))

# %%
title = f"GDumb, {profile.label}\n(mean and 95 % interval over seeds)"
continual_plots.accuracy_after_each_step(gdumb, title)

# %% [markdown]
# The intervals are Student's, over whole repetitions: each seed keeps or distils its own images and trains its own
# networks.

# %%
for name in list(gdumb)[1:]:
    print(f"{name} against random: {gdumb[name].scores.lead(gdumb['random'].scores):+.1f} standard errors")

# %%
plots.image_grid(gdumb["DataDAM"].synthetic, title=f"DataDAM's memory after the last step ({profile.label})")

# %%
continual_plots.step_matrix(gdumb["DataDAM"])

# %% [markdown]
# ### Is it fair?
#
# A real image takes a byte for each pixel, a distilled one four. So for the same bytes one could keep four times as many
# random images. They are trained on for a quarter of the epochs, which are as many updates.
#
# **Predict:** what will that do to the advantage of the distilled memory?

# %%
fair = {"DataDAM": gdumb["DataDAM"], "random": gdumb["random"],
        "random, as many bytes": continual_course.same_bytes(profile)}
lesson.table(continual_course.table(fair, "github"))

# %% [markdown]
# ### And on a wider network?
#
# So far networks were as wide as the one that DataDAM matched. The papers' are 128 wide (the quick profile
# keeps its own).
#
# **Predict:** will a wider network be better on both memories, and will the distilled one keep its lead?

# %%
wide = continual_course.wide(profile)
print(f"networks of width {profile.wide}")
lesson.table(continual_course.table(wide, "github"))

# %%
print(f"DataDAM against random: {wide['DataDAM'].scores.lead(wide['random'].scores):+.1f} standard errors")

# %% [markdown]
# ## Replay
#
# **Predict:** the network now also sees each step's own data in full. Will it end higher or lower than GDumb?

# %%
replay = continual_course.learned(profile, "replay")
lesson.table(continual_course.table(replay, "github"))

# %%
both = {f"{name}, GDumb": gdumb[name] for name in replay} | {f"{name}, replay": r for name, r in replay.items()}
continual_plots.accuracy_after_each_step(both)

# %% [markdown]
# ## What you should take away
#
# * Random images are not the only baseline: herding costs a second and is much stronger with one image per class.
# * A memory must be made from its own step's data; labels must keep their meaning when classes join.
# * Count bytes, not images, and repeat everything, the memory included, before you compare.
#
# **Questions**
#
# 1. Which memory would you choose for this task, and on what evidence? Say how many seeds it rests on. (4)
# 2. Which step's classes are forgotten most, and why do they fall even under GDumb, which never trains on old weights?
#    (4)
# 3. Distilled pixels could be rounded to bytes. What would you have to measure before you count them as one byte? (4)
# 4. What did each memory cost in seconds, and what would it cost with a hundred classes?

# %% [markdown]
# *Your answers:*
