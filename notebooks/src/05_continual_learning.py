# %% [markdown]
# # 5 · Continual learning with a memory of a few images
#
# - **Course part:** {PART}.
# - **You will learn** to choose real images that stand for all (coresets), to use chosen or distilled images as the
#   memory of a network whose classes arrive one after the other, and to measure what such a network forgets.
# - **Before you start:** lessons 1 to 4. Question 4 asks for one application: take this lesson *or* lesson 9.
# - **Time:** an hour with its exercises; about two hours more on one processor core in the laptop profile if no result came with the
#   repository.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.applications.continual import report as continual_course, plots as continual_plots
from ddkit.course import lesson
from ddkit.plots import tables

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The problem
#
# A network learns to tell 0 from 1, then 2 from 3, then 4 from 5, and when it comes to 8 and 9 it no longer knows what a 0 is: the
# steps that fit its weights to the new classes undo what fitted them to the old ones. That is **catastrophic forgetting**, and
# **continual learning** is the art of avoiding it. The plainest way is a **memory**: keep a few images of every class that was seen,
# and train on them as well. The memory is small, so what stands in it matters. A synthetic image that stands for many real ones
# seems made for the place. Is it? That is a question with a number for an answer, and this lesson looks for it: qualitatively
# (what is in the memory, which steps are forgotten) and quantitatively (accuracy, forgetting, bytes, seconds).
#
# ## First: choosing instead of distilling
#
# A distilled image has to beat a real one. Random real images are the plainest opponent; a **coreset** is a choice of real images made
# with care. Three rules, each looking at one class at a time:
#
# * **Herding** (Welling 2009): the next image is the one that brings the mean of the chosen ones nearest to the mean
#   $\mu$ of all: $\arg\min_x \lVert \mu - \frac{1}{j}(x + \sum_{i<j} x_i) \rVert$.
# * **k-centre** (Sener and Savarese 2018): the next image is the one farthest from all chosen ones.
# * **Forgetting** (Toneva et al. 2019): the images that a network in training learned and lost most often.
#
# "Near" is meant in pixels, or in the embedding of any network.
#
# {MARK herding}
#
# **Exercise.** Write herding the slow, plain way: for each of $k$ places try every row that is left, and take the one that
# brings the mean of the chosen rows, itself among them, nearest to the mean of all.

# %% exercise="herding"
def my_herding(rows, k):
    """[n, D] -> the indices of k rows, in the order in which they were chosen."""
    ### BEGIN SOLUTION
    picks = []
    for _ in range(k):
        left = [i for i in range(len(rows)) if i not in picks]
        means = torch.stack([rows[[*picks, i]].mean(0) for i in left])
        picks.append(left[int((means - rows.mean(0)).norm(dim=1).argmin())])
    return picks
    ### END SOLUTION


# %% check="herding"
exercises.check("herding", my_herding)
### BEGIN HIDDEN TESTS
_line = torch.tensor([[0.0], [4.0], [5.0], [11.0]])  # of mean 5
assert list(my_herding(_line, 2)) == [2, 1], "5 is the mean; 5 and 4 are nearer to it than 5 and 0 or 5 and 11"
### END HIDDEN TESTS

# %% [markdown]
# The package sums instead of trying, which is faster. The third rule needs a network that is watched while it learns: after
# every epoch it looks at every image, right or wrong. An image is *forgotten* each time a right answer is followed by a wrong one.
#
# {MARK forgetting-events}
#
# **Exercise.** Count, for every image, how often it was forgotten. An image that was never right counts as many times as there
# are looks, so that it stands beyond all others.

# %% exercise="forgetting-events"
def my_forgetting_events(right):
    """[looks, n] of booleans -> [n], how often each image was forgotten."""
    ### BEGIN SOLUTION
    events = (right[:-1] & ~right[1:]).sum(dim=0)
    return torch.where(right.any(dim=0), events, len(right))
    ### END SOLUTION


# %% check="forgetting-events"
exercises.check("forgetting-events", my_forgetting_events)
### BEGIN HIDDEN TESTS
_right = torch.tensor([[1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]]).bool()
assert my_forgetting_events(_right).tolist() == [2, 0, 4], "learned and lost twice; learned late; never learned"
### END HIDDEN TESTS

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
lesson.table(tables.leads(one, "random", "github"))

# %%
ten = continual_course.chosen(profile, profile.ipc)
lesson.scores(ten)

# %%
lesson.table(tables.leads(ten, "random", "github"))

# %%
groups = {"1": one, f"{profile.ipc}": ten}
plots.bars({name: {n: r.scores for n, r in row.items()} for name, row in groups.items()}, data.chance, "images per class")

# %% [markdown]
# Read the leads with their errors, and mind the number of networks behind each. Where the images that were forgotten most are the
# worst choice by far, there is a reason to think of: hard images mark the border between classes, and a border says little to
# somebody who has never seen the middle.

# %%
shipped = one["forgetting"].shipped and ten["forgetting"].shipped
for chosen in (one, ten):
    worst = min(chosen, key=lambda name: chosen[name].scores.mean)
    assert not shipped or worst == "forgetting"
    print(f"the lowest of {len(chosen)} rows: {worst}, {chosen[worst].scores}")

# %% [markdown]
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
#
# {MARK widened}
#
# **Exercise.** Write the values of a step among all classes. A value plus $1/k$ is what the set says of its own class against the
# step's others; the other classes are impossible to it; and among $C$ classes $1/C$ is taken from everything.

# %% exercise="widened"
def my_widened(values, first, classes):
    """Values [n, k] for a step's classes -> [n, classes], where the step's classes begin at ``first``."""
    ### BEGIN SOLUTION
    own = values.shape[1]
    probable = torch.zeros(len(values), classes)
    probable[:, first : first + own] = values + 1 / own
    return probable - 1 / classes
    ### END SOLUTION


# %% check="widened"
exercises.check("widened", my_widened)
### BEGIN HIDDEN TESTS
_wide = my_widened(torch.eye(2) - 0.5, 4, 10)
assert (_wide - (torch.eye(10)[4:6] - 0.1)).abs().max() < 1e-6, "one-hot less 1/2 becomes one-hot less 1/10"
### END HIDDEN TESTS

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
from ddkit.applications.continual.spec import forgetting

example = [[1.0], [0.5, 0.9], [0.7, 0.4, 0.8]]  # after step 1, 2, 3: the share recognised of each step so far
assert abs(forgetting(example) - ((1.0 - 0.7) + (0.9 - 0.4)) / 2) < 1e-9
[round(forgetting(run["by_step"]), 3) for run in record.result["runs"]]

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
lesson.table(tables.leads(gdumb, "random", "github"))

# %% [markdown]
# And what has the distillation itself added to the images it started from?

# %%
lesson.table(tables.leads({name: gdumb[name] for name in ("herding", "DataDAM")}, "herding", "github"))

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

# %%
lesson.table(tables.leads(fair, "DataDAM", "github"))

# %%
more, distilled = fair["random, as many bytes"].scores.mean, fair["DataDAM"].scores.mean
assert not fair["DataDAM"].shipped or more > distilled
print(f"as many bytes of random images score {100 * (more - distilled):+.2f} points beside the distilled ones: byte for byte, "
      + ("distilling does not pay here" if more > distilled else "distilling pays here"))

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
lesson.table(tables.leads(wide, "random", "github"))

# %% [markdown]
# ## Replay
#
# **Predict:** the network now also sees each step's own data in full. Will it end higher or lower than GDumb?

# %%
replay = continual_course.learned(profile, "replay")
lesson.table(continual_course.table(replay, "github"))

# %%
for name, found in replay.items():
    points = 100 * (found.scores.mean - gdumb[name].scores.mean)
    print(f"{name}: replay ends {points:+.1f} points beside GDumb, {found.scores.lead(gdumb[name].scores):+.1f} standard errors "
          f"(n = {len(found.scores.runs)} and {len(gdumb[name].scores.runs)})")

# %%
both = {f"{name}, GDumb": gdumb[name] for name in replay} | {f"{name}, replay": r for name, r in replay.items()}
continual_plots.accuracy_after_each_step(both)

# %% [markdown]
# ## The question
#
# {MARK memory}
#
# **4.** Take one of the applications that you named in 1e, and show qualitatively and quantitatively what distilled data do for it.
# If you take continual learning: which memory would you choose, on what evidence, and at what cost? Use your own runs, say how
# many seeds they rest on, and compare with random images of the same number *and* of the same bytes.

# %% [markdown] answer="memory"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for what is measured and why (final accuracy, forgetting; GDumb judges the memory alone), with pictures of a memory or of
# the steps; ½ for numbers of one's own with n and standard errors beside random images and herding; ½ for the verdict with its limits:
# the lead at the same number of images, what becomes of it at the same bytes, the seconds it takes to fill the memory.
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## What you should take away
#
# * Random images are not the only baseline: a coreset can cost a second and lead them by far with one image per class.
# * A memory must be made from its own step's data; labels must keep their meaning when classes join.
# * Count bytes, not images, and repeat everything, the memory included, before you compare.
#
# **Questions to yourself**
#
# 1. Which step's classes are forgotten most, and why do they fall even under GDumb, which never trains on old weights?
# 2. Distilled pixels could be rounded to bytes. What would you have to measure before you count them as one byte?
# 3. What did each memory cost in seconds, and what would it cost with a hundred classes?
# 4. Why do the intervals here rest on whole repetitions, memory included, and not on five networks trained on one memory?
#
# **Go further.** Save a distilled memory in 8 bits and score it again. Give herding the embeddings of the network of the step
# before, rather than pixels. Take another order of the classes: does the ranking of the memories stay?
