# %% [markdown]
# # 5 · An application: continual learning with a memory of a few images
#
# - **Course part:** {PART}.
# - **You will learn** to choose real images that stand for all (coresets), to use chosen or distilled images as the
#   memory of a network whose classes arrive one after the other, and to measure what such a network forgets.
# - **Before you start:** lessons 1 to 4. Question 4 asks for one application: take this lesson *or* lesson 9. Only one counts.
# - **Time:** an hour and a half with its exercises; about an hour and a half more on one processor core in the laptop profile if
#   no result came with the repository.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.applications.continual import report as continual_course, plots as continual_plots
from ddkit.course import lesson
from ddkit.plots import tables
from ddkit.training.leads import Lead

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
# The package keeps a running sum and so does less arithmetic for the same choice. The third rule needs a network that is watched while it learns: after
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
_events = torch.as_tensor(my_forgetting_events(_right))
assert _events.tolist() == [2, 0, 4], "learned and lost twice; learned late; never learned"
### END HIDDEN TESTS

# %% [markdown]
# **Predict:** which rule chooses typical digits, which chooses strange ones? With one image per class, which will do
# better than random images, and which worse?

# %%
from IPython.display import display

for method in ("herding", "k-centre", "forgetting"):
    coreset = ddkit.run(continual_course.coreset(profile, method, profile.ipc))
    display(plots.image_grid(coreset.synthetic, title=f"Chosen by {method} ({profile.label})"))

# %% [markdown]
# Networks trained on one image of each class, and then on as many as DataDAM got. Random images are drawn anew for every
# network; a rule's choice is always the same, so that its spread is that of the networks alone.
#
# A difference of two means is worth little without its **standard error**: $\sqrt{s_1^2/n_1 + s_2^2/n_2}$, from the spreads $s$
# over the $n$ networks of either side. *Told apart* is a lead of two such errors or more that chance alone would seldom give with
# so few networks. With $n = 2$ the spread itself would hardly be known: such a row is a hint, not a result.

# %%
one = continual_course.chosen(profile, 1)
lesson.scores(one)

# %%
herded = ddkit.run(continual_course.coreset(profile, "herding", 1))
assert not herded.shipped or (herded.seconds < 2 and Lead.points(one["herding"].scores, one["random"].scores).gap > 20)
lesson.table(tables.leads(one, "random", "github"))

# %%
ten = continual_course.chosen(profile, profile.ipc)
lesson.scores(ten)

# %%
lesson.table(tables.leads(ten, "random", "github"))

# %%
groups = {"1": one, f"{profile.ipc}": ten}
by_size = {name: {n: r.scores for n, r in row.items()} for name, row in groups.items()}
plots.bars(by_size, data.chance, "images per class")

# %% [markdown]
# ### Do hard images help whoever has seen easy ones?
#
# The images that a network learned and lost most often are hard to it. Look at the last of the pictures above: what is unusual about
# them? And what are they worth?

# %%
for row in (one, ten):
    worst = min(row, key=lambda name: row[name].scores.mean)
    assert worst == "forgetting" or not row["forgetting"].shipped
    print(f"the lowest of {len(row)} rows: {worst}, {row[worst].scores}")

# %% [markdown]
# And yet it is often said that hard images are worth the most, because they mark the border between classes. A way to save the
# saying: a border means something only to those who have *seen the middle* of each class.
#
# That can be tried. Take half of the herded images of each class, and add as many again: random ones, or the most forgotten.
#
# **Predict:** three sets, trained on in the same way: half herded; that and random ones; that and hard ones. In which order
# will they end?

# %%
from dataclasses import replace

from ddkit.data import Split
from ddkit.training import PROTOCOLS, score


def first_half(method):
    """Of each class the first half of a coreset: images and labels."""
    split = ddkit.run(continual_course.coreset(profile, method, profile.ipc)).synthetic.training_split()
    keep = torch.arange(len(split)) % profile.ipc < profile.ipc // 2
    return split.images[keep], split.labels[keep]


parts = {"half herded": ("herding",), "and random ones": ("herding", "random"),
         "and hard ones": ("herding", "forgetting")}
middle = {name: Split(*map(torch.cat, zip(*map(first_half, of), strict=True))) for name, of in parts.items()}
{name: len(split) for name, split in middle.items()}

# %%
briefly = replace(PROTOCOLS["standard"], epochs=60)
reached = {name: {seed: 100 * score(split, data, profile.network, briefly, seed, width=8, quiet=True)["accuracy"]
                  for seed in range(3)} for name, split in middle.items()}
for name in ("and random ones", "and hard ones"):
    added = Lead.of(reached[name], reached["half herded"], paired=True)
    lesson.say(f"{name}: {added.gap:+.1f} ± {added.error:.1f} points. {added.verdict}")

# %% [markdown]
# The same seeds start the same weights on both sides, so the error is that of the differences, seed by seed ("paired").
#
# **Think:** the sets with additions have twice the images. What do the two lines say about the saying, and about its rescue? For
# which size of the set could it still be true, and how would you find out?

# %% [markdown]
# ## Classes that arrive one after the other
#
# Now the ten classes come in five steps of two. When a step is over its data are gone, but for a **memory** of
# a few images of each class. The network is always tested on *all* classes seen so far (class-incremental learning).
#
# Nobody tells it which step an image is from: that would leave two classes to choose from.
#
# A step's memory may depend on that step's data only. It is easy to cheat here without noticing: a distillation whose start
# images, networks or statistics have seen the other classes is no memory of a step. ddkit makes sure by loading nothing else:

# %%
step = ddkit.load(f"{profile.dataset}-4-5")
print(f"{step.name}: classes {step.classes}, {len(step.train):,} training images")
assert set(step.train.labels.tolist()) == {0, 1}, "labels are counted within the step"

# %% [markdown]
# ### What a step's labels mean later
#
# Within its step a class is number 0 or 1; among all classes it is numbered in the order of arrival. Of hard labels that takes
# an addition: the 1 of the second step is the 3 of all. Sets from kernel ridge regression (lesson 7) carry *values to regress on*
# instead, which start as one-hot $-\frac{1}{k}$ for the $k$ classes of the step.
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
_wide = torch.as_tensor(my_widened(torch.eye(2) - 0.5, 4, 10))
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
after = record.result["runs"][0]["after"]  # of the first seed
for number, share in enumerate(after, 1):
    print(f"after step {number}, {share:.1%} of the test images of the classes seen so far are recognised")

# %% [markdown]
# ## What is measured
#
# Let $a_{t,s}$ be the share recognised of step $s$'s test images after step $t$, and $T$ the last step. **Forgetting**
# (Chaudhry et al. 2018) is how far each step has fallen below its best:
#
# $$F = \frac{1}{T-1} \sum_{s<T} \left( \max_{s \le t < T} a_{t,s} - a_{T,s} \right).$$
#
# An example by hand, and then the live run from above:

# %%
from ddkit.applications.continual.spec import forgetting

example = [[1.0], [0.5, 0.9], [0.7, 0.4, 0.8]]  # after step 1, 2, 3: the share recognised of each step so far
assert abs(forgetting(example) - ((1.0 - 0.7) + (0.9 - 0.4)) / 2) < 1e-9
", ".join(f"seed {run['seed']} forgot {forgetting(run['by_step']):.1%}" for run in record.result["runs"])

# %% [markdown]
# ## Five steps of two classes
#
# Ten images of each class are kept: at random, by herding, or distilled, step by step, by DataDAM and by RFAD, a method of
# kernel ridge regression (lesson 7).
# DataDAM begins with the herded images, so its row less herding's is what the distillation itself has added. RFAD begins with random
# ones and makes, but in the full profile, far fewer updates than its preset asks for: a distance between the two is not due to the classes
# alone.
#
# **Predict:** DataDAM looks at each class by itself, RFAD learns to tell a step's two classes *apart*. Which memory will
# suffer more from never having seen the other classes?

# %%
gdumb, memories = continual_course.learned(profile), continual_course.memories(profile)
begun = {"herding": "the herded images", "real": "random images"}
for name in ("DataDAM", "RFAD"):
    made = memories[name]
    print(f"{name} makes {made.total_updates} updates of each step's images, from {begun[made.init]}")
rfad, usual = memories["RFAD"].config, replace(memories["RFAD"], updates=None, options=()).config
lesson.say(f"an update of RFAD's sees {rfad.networks} networks and {rfad.real_batch} real images here; its preset has "
           f"{usual.updates} updates of {usual.networks} networks and {usual.real_batch} images")
assert not lesson.shipped(gdumb) or rfad.updates < usual.updates / 10, "far fewer than its preset asks for"
lesson.table(continual_course.table(gdumb, "github"))

# %%
title = f"GDumb, {profile.label}\n(mean and 95 % interval over seeds)"
continual_plots.accuracy_after_each_step(gdumb, title)

# %% [markdown]
# The intervals are Student's, over whole repetitions: each seed keeps or distils its own images (herding's choice is always the same,
# so that its interval is that of the networks) and trains its own networks.

# %%
lesson.table(tables.leads(gdumb, "random", "github"))

# %% [markdown]
# And what has the distillation itself added to the images it started from?

# %%
lesson.table(tables.leads({name: gdumb[name] for name in ("herding", "DataDAM")}, "herding", "github"))

# %%
plots.image_grid(gdumb["DataDAM"].synthetic, title=f"DataDAM's memory after the last step ({profile.label})")

# %% [markdown]
# Rows of the next picture are time, columns are the steps whose test images are asked. Read it downwards: a column is about
# the same images, recognised by ever newer networks.

# %%
continual_plots.step_matrix(gdumb["DataDAM"], "DataDAM's memory under GDumb: recognised of each step's classes (%)")

# %% [markdown]
# Under GDumb no network ever trains on old weights, so nothing can be overwritten. Why do the columns change at all? Look at
# the errors: of the test images of the first step's classes that are missed at the end, which answers did they get?

# %%
def errors(record, shown):
    """Wrong answers to test images of the classes shown at the end, mean over seeds; and how many name each class."""
    counts = torch.tensor([run["confusion"] for run in record.result["runs"]], dtype=torch.float64).mean(0)[shown]
    right = counts[range(len(counts)), range(len(data.classes))[shown]].sum()
    return float(counts.sum() - right), counts.sum(0)


first_step, later = slice(0, 2), slice(2, None)
for name, kept in gdumb.items():
    missed, answers = errors(kept, first_step)
    print(f"{name}: of {missed:.0f} missed images of the first step, {answers[later].sum():.0f} were given the name "
          "of a class that came later")

# %% [markdown]
# An error of that kind could not be made after the first step, when there were two names to give. As far as it accounts for
# the errors, what is measured as forgetting here is that there are more classes to confuse. The memory of the first step has
# not changed; it was made to tell a 0 from a 1, and now has to tell them from 2 to 9.

# %% [markdown]
# ### Is it fair?
#
# A real image takes a byte for each pixel, a distilled one four. So for the same bytes one could keep four times as many
# random images. They are trained on for a quarter of the epochs, which are about as many updates.
#
# **Predict:** what will that do to the advantage of the distilled memory?

# %%
fair = {"DataDAM": gdumb["DataDAM"], "random": gdumb["random"],
        "random, as many bytes": continual_course.same_bytes(profile)}
lesson.table(continual_course.table(fair, "github"))

# %%
lesson.table(tables.leads(fair, "DataDAM", "github"))

# %%
as_many = Lead.points(fair["random, as many bytes"].scores, fair["DataDAM"].scores)
longest, shortest = (end(fair[name].updates for name in ("random, as many bytes", "random")) for end in (max, min))
assert not fair["DataDAM"].shipped or (as_many.told_apart and as_many.gap > 0 and longest < 1.05 * shortest)
verdict = "distilling does not pay here" if as_many.gap > 0 else "distilling pays here"
lesson.say(f"as many bytes of random images score {as_many.gap:+.2f} ± {as_many.error:.2f} points beside the distilled "
           f"ones: byte for byte, {verdict if as_many.told_apart else 'nothing is told apart here'}")

# %% [markdown]
# A lead below zero is a result, too, and belongs into a report as much as one above. And then there is time: what did the lead
# over herding cost?

# %%
gain = Lead.points(gdumb["DataDAM"].scores, gdumb["herding"].scores)
extra = gdumb["DataDAM"].result["memory_seconds"] - gdumb["herding"].result["memory_seconds"]
won = f"{gain.gap:+.2f} ± {gain.error:.2f} points of final accuracy"
f"distilling took {extra:.0f} seconds more than herding, for {won}"

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

# %%
for name, kept in wide.items():
    print(name)
    display(lesson.table(tables.leads({"wide": kept, "narrow": gdumb[name]}, "narrow", "github")))

# %% [markdown]
# ## Replay
#
# **Predict:** the network is now kept, and sees new images of each step beside as many from the memory. Will it end higher or lower than
# GDumb?

# %%
replay = continual_course.learned(profile, "replay")
one_network, afresh = replay["random"], gdumb["random"]
last = afresh.result["protocol"]["epochs"] * -(-len(afresh.synthetic.labels) // afresh.result["protocol"]["batch"])
epochs, new = one_network.result["protocol"]["epochs"], one_network.spec["new_images"]
lesson.say(f"replay sees {new} new images in each of {epochs} epochs of a step; its one network makes "
           f"{one_network.updates:,} updates, GDumb's {len(afresh.result['steps'])} networks together "
           f"{afresh.updates:,}, the last of them {last:,}")
lesson.table(continual_course.table(replay, "github"))

# %%
for name, found in replay.items():
    points, apart = 100 * (found.scores.mean - gdumb[name].scores.mean), found.scores.lead(gdumb[name].scores)
    print(f"{name}: replay ends {points:+.1f} points beside GDumb, {apart:+.1f} standard errors "
          f"(n = {len(found.scores.runs)} and {len(gdumb[name].scores.runs)})")

# %%
every = (one, ten, gdumb, replay, wide, fair)
assert not lesson.shipped(*every) or 75 < lesson.minutes(*every) < 105, "as the head of this lesson says"
both = {f"{name}, GDumb": gdumb[name] for name in replay} | {f"{name}, replay": r for name, r in replay.items()}
continual_plots.accuracy_after_each_step(both, f"GDumb and replay, {profile.label}")

# %% [markdown]
# Where does the difference lie? Take apart what is recognised at the end: the newest two classes, and the eight before.

# %%
def recognised(record):
    """At the end, in %, mean over seeds: of the test images of the newest step, and of earlier steps (their mean)."""
    last = 100 * torch.tensor([run["by_step"][-1] for run in record.result["runs"]]).mean(0)
    return float(last[-1]), float(last[:-1].mean())


older, newest = slice(0, 8), slice(8, None)
for name, kept in both.items():
    missed, answers = errors(kept, older)
    new, old = recognised(kept)
    print(f"{name}: newest step {new:.1f} %, earlier ones {old:.1f} %; of {missed:.0f} missed older images\n"
          f"    {answers[newest].sum():.0f} were called one of the newest classes")

# %% [markdown]
# **Think:** the same few images of an old class are set against the few that GDumb has of a new one, and against thousands under
# replay (the networks' updates are others, too: they stand above the table). What does the last column of errors say about that? Which
# protocol would you trust more to compare *memories*, and which is closer to how a network would be used?
#
# ## The question
#
# {MARK memory}
#
# **4.** Take one of the applications that you named in 1e, and show qualitatively and quantitatively what distilled data do for it.
# If you take continual learning: which memory would you choose, on what evidence, and at what cost? Use your own runs, say how
# many seeds they rest on, and compare with random images of the same number *and* of the same bytes. (If you take architecture
# search, answer in lesson 9 and leave this one empty.)

# %% [markdown] answer="memory"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for what is measured and why (final accuracy, forgetting; GDumb judges the memory alone), with pictures of a memory or of
# the steps; ½ for numbers of one's own with n and standard errors beside random images and herding; ½ for the verdict with its limits:
# the lead at the same number of images, what becomes of it at the same bytes, the seconds it takes to fill the memory. A verdict
# against distilling that the records support earns full marks. Of lessons 5 and 9 one counts.
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(5, profile)

# %% [markdown]
# ## What you should take away
#
# * Random images are not the only baseline: a coreset can cost a second and lead them by far with one image per class.
# * A memory must be made from its own step's data; labels must keep their meaning when classes join.
# * Forgetting has two causes: weights that are overwritten, and classes that come to be confused. GDumb has only the second.
# * Count bytes, not images, and repeat everything, the memory included, before you compare.
#
# **Questions to yourself**
#
# 1. Which step's classes are forgotten most? Is it their age, or are they digits that are easily confused? How could another
#    order of arrival decide it?
# 2. Distilled pixels could be rounded to bytes. What would you have to measure before you count them as one byte?
# 3. What did each memory cost in seconds, and what would it cost with a hundred classes?
# 4. Why do the intervals here rest on whole repetitions, memory included, and not on five networks trained on one memory?
# 5. Herding in pixels is blind to what a network finds important. Why might herding in the embedding of a trained network
#    break the rule that a step's memory may depend on that step's data only?
# 6. Is a distilled memory private, because it holds no real image? What would have to be shown?
#
# **Go further.** Save a distilled memory in 8 bits and score it again. Give herding the embeddings of the network of the step
# before, rather than pixels. `continual_course.pad(profile)` is a memory by trajectory matching (lesson 6), with experts for each
# step; `ddkit.run(continual_course.continual(profile, continual_course.pad(profile)))` learns with it, and takes long. Take another order of the classes: does the ranking of the memories stay?
