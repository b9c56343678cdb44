# %% [markdown]
# # 9 · An application: architecture search
#
# - **Course part:** {PART}.
# - **You will learn** to choose a network with a hundred images instead of all of them, to say by a rank correlation how
#   far such a choice can be trusted, and what a fair account of the time saved looks like.
# - **Before you start:** lessons 1, 2 and 4. Question 4 asks for one application: take this lesson *or* lesson 5. Only one counts.
# - **Time:** an hour with its exercises; about 25 minutes more on one processor core in the laptop profile if no result came
#   with the repository.

# %% shared="colab"

# %%
from collections import Counter

import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises
from ddkit.applications.search import report as search_course, plots as search_plots
from ddkit.course import lesson

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The idea
#
# Which network is best for a data set? The sure way is to train them all on all the data. The cheap way is to train them
# all on something small, the **proxy**, and to train only the winner on the data. This is **architecture search**, and a proxy is
# good if it puts the networks into the order in which the full data would put them. A distilled set is small, and a network trained
# on it scored higher than one on as many random images (lesson 4). Is it a good proxy? It was made with *one* network in mind. Can it judge others? And is it better than
# what costs nothing to make: as many random real images, or the full data for a few updates?
#
# ## The grid
#
# The field's candidates (Zhao et al., ICLR 2021) are ConvNets: every depth, width, norm, activation and pooling.
#
# **Predict:** how many are there, and how long would it take to train all of them for the 20 epochs of lesson 1?

# %%
from ddkit.applications.search import Grid

grid = Grid()
print(f"depths {grid.depths}, widths {grid.widths}, norms {grid.norms},\nactivations {grid.activations}, "
      f"poolings {grid.poolings}: {grid.combinations} networks")

# %% [markdown]
# This lesson draws a part of a smaller grid: all values have nearly the same share, and everybody draws the same networks.

# %%
truth = search_course.truth(profile)
candidates = truth.grid.candidates
for axis in ("depth", "width", "norm", "activation", "pooling"):
    counts = Counter(getattr(candidate, axis) for candidate in candidates)
    assert max(counts.values()) - min(counts.values()) <= 1
print(f"{len(candidates)} of {truth.grid.combinations}:", ", ".join(c.name for c in candidates[:6]), "...")

# %% [markdown]
# A name says it all: `D2W8GNALMP` is depth 2, width 8, **g**roup **n**orm, **a**ctivation **l**eaky ReLU, **m**ax **p**ooling.
#
# ## Live: four networks
#
# Let us do it once by hand, for four of the candidates.
#
# **Predict:** which of them wins on the hundred distilled images? Will the same one win on the full data?

# %%
from dataclasses import replace

from ddkit.training import PROTOCOLS, score

proxy = search_course.proxies(profile)["DataDAM"]
distilled = lesson.told(ddkit.run(proxy.of)).synthetic
few = distilled.training_split()
four = [candidates[len(candidates) * part // 4] for part in range(4)]
short = replace(PROTOCOLS["standard"], epochs=proxy.epochs)
one_epoch = replace(PROTOCOLS["assignment"], epochs=1)

# %% [markdown]
# Choosing is done on **validation** data. Whoever chose on test data would have no clean number left to report.

# %%
live = {}
for candidate in four:
    live[candidate.name] = [
        score(images, data, candidate.network, how, seed=0, width=candidate.width, split="val", quiet=True)
        for images, how in ((few, short), (data.train, one_epoch))]

for name, results in live.items():
    print(f"{name:12}", *(f"{100 * r['accuracy']:6.2f} % in {r['train_seconds']:5.1f} s" for r in results), sep="   ")

# %% [markdown]
# The left column is what the proxy says, the right one one epoch on the full data. The numbers differ, and may: what the
# proxy must get right is their **order**. And the seconds answer the question above:

# %%
epoch = sum(results[1]["train_seconds"] for results in live.values()) / len(live)
hours = grid.combinations * 20 * epoch / 3600
f"{grid.combinations} networks as small as these {len(live)}, 20 epochs each: about {hours:.1f} hours"

# %% [markdown]
# ## How alike are two orders?
#
# Take any two networks. Do both scores agree on which is better? With $S_{ij} = \mathrm{sign}(x_i - x_j)$ for one score and
# $T_{ij}$ for the other, **Kendall's** $\tau$ is the share of pairs in agreement minus the share in disagreement (ties count
# for nothing):
#
# $$\tau = \frac{\sum_{ij} S_{ij} T_{ij}}{\sqrt{\sum_{ij} S_{ij}^2 \, \sum_{ij} T_{ij}^2}}.$$
#
# **Spearman's** $\rho$ is the ordinary correlation of the ranks. A network's rank is how many it beats, so the same signs
# give it: their row sums $s_i = \sum_j S_{ij}$ take the place of $S_{ij}$.

# %% [markdown]
# {MARK kendall}
#
# **Exercise.** Write Kendall's $\tau$ from the formula. `torch.sign(x[:, None] - x[None, :])` has all the signs.

# %% exercise="kendall"
def my_kendall(x, y):
    """[n], [n] -> a number in [-1, 1]."""
    ### BEGIN SOLUTION
    S, T = (torch.sign(z[:, None] - z[None, :]) for z in (x, y))
    return (S * T).sum() / ((S * S).sum() * (T * T).sum()).sqrt()
    ### END SOLUTION


# %% check="kendall"
exercises.check("kendall", my_kendall)
### BEGIN HIDDEN TESTS
_x, _y = torch.tensor([0.2, 0.5, 0.6, 0.7, 0.9]), torch.tensor([0.90, 0.97, 0.96, 0.98, 0.99])
assert abs(float(my_kendall(_x, _y)) - 0.8) < 1e-6, "one pair of ten is the wrong way round"
assert abs(float(my_kendall(_x, _x**3)) - 1) < 1e-6, "only the order counts"
### END HIDDEN TESTS

# %% [markdown]
# {MARK spearman}
#
# **Exercise.** And Spearman's $\rho$: the same with the row sums of the signs.

# %% exercise="spearman"
def my_spearman(x, y):
    """[n], [n] -> a number in [-1, 1]."""
    ### BEGIN SOLUTION
    s, t = (torch.sign(z[:, None] - z[None, :]).sum(1) for z in (x, y))
    return (s * t).sum() / ((s * s).sum() * (t * t).sum()).sqrt()
    ### END SOLUTION


# %% check="spearman"
exercises.check("spearman", my_spearman)
### BEGIN HIDDEN TESTS
_x, _y = torch.tensor([0.2, 0.5, 0.6, 0.7, 0.9]), torch.tensor([0.90, 0.97, 0.96, 0.98, 0.99])
assert abs(float(my_spearman(_x, -_x)) + 1) < 1e-6
assert abs(float(my_spearman(_x, _y)) - 0.9) < 1e-6, "1 - 6 (1 + 1) / (5 (25 - 1))"
### END HIDDEN TESTS

# %% [markdown]
# ## How far can a correlation of few networks be trusted?
#
# Other networks from the grid would have given another number. The **bootstrap** plays that through: draw as many networks
# again, with repetition, many times over, and see how the correlation varies. The middle 95 % of what is found is an interval.
#
# **Predict:** how wide is the interval of five networks with one pair in disagreement?
#
# {MARK interval}
#
# **Exercise.** Write it. Each row of `draws` holds the indices of the networks of one resample; a network keeps both of its scores. A
# resample that is one network again and again has no order and gives NaN: leave it out (`nanquantile`).

# %% exercise="interval"
def my_interval(measure, x, y, draws):
    """A correlation's function, [n], [n], indices [resamples, n] -> the ends of the middle 95 %, the lower first."""
    ### BEGIN SOLUTION
    found = torch.stack([measure(x[row], y[row]) for row in draws])
    return found.nanquantile(torch.tensor([0.025, 0.975], dtype=found.dtype)).tolist()
    ### END SOLUTION


# %% check="interval"
exercises.check("interval", my_interval)
### BEGIN HIDDEN TESTS
_x, _pairs = torch.arange(5).double(), torch.stack([torch.arange(4), torch.arange(1, 5)], 1)
_ends = my_interval(lambda a, b: a.mean(), _x, _x, _pairs)  # of 0.5, 1.5, 2.5 and 3.5
assert max(abs(a - b) for a, b in zip(_ends, (0.575, 3.425), strict=True)) < 1e-4
### END HIDDEN TESTS

# %%
from ddkit.applications.search.ranking import correlation

x, y = torch.tensor([0.2, 0.5, 0.6, 0.7, 0.9]), torch.tensor([0.90, 0.97, 0.96, 0.98, 0.99])
print("five networks with one pair of ten in disagreement, Kendall and its interval:", correlation("Kendall", x, y))

# %% [markdown]
# ## The search
#
# Every candidate on each proxy, and, to be able to judge, on the full data as well: that is the *truth* here, though a training of few
# epochs. There are three proxies: DataDAM's hundred images; as many random real ones; and the full data, but stopped after a few updates.
#
# **Predict:** which proxy ranks the networks best? Which is the cheapest, everything counted?

# %%
full = lesson.told(ddkit.run(truth))
searched = [lesson.told(ddkit.run(spec)) for spec in search_course.proxies(profile).values()]
comparisons = search_course.compared(profile)
lengths = {"the truth": full, **dict(zip(comparisons, searched, strict=True))}
lesson.say("updates of each network: " + ", ".join(f"{name} {one.updates:,}" for name, one in lengths.items())
           + f"; the truth is {truth.how(data).epochs} epochs of the full data")

# %%
search_plots.proxy_against_truth(comparisons)

# %% [markdown]
# Each point is a network. On a rising line, the proxy ranks as the truth does. The scales are stretched towards 100 %,
# because the good networks are those among which one has to choose.

# %%
lesson.table(search_course.correlations(comparisons))

# %%
found = comparisons["DataDAM"]
for measure in ("Kendall", "Spearman"):
    ends = {name: one.correlation(measure) for name, one in comparisons.items()}
    first = max(ends, key=lambda name: ends[name].value)
    apart = [name for name, one in ends.items() if name != first and one.high < ends[first].low]
    print(f"{measure}: {first} is the highest, {ends[first]}; " + (
        f"intervals that lie wholly below: {', '.join(apart)}" if apart else "no other interval lies wholly below it"))

# %% [markdown]
# Intervals that overlap decide nothing yet. The same networks stand behind all three proxies: a resample that happens to hold only
# easy networks raises all correlations together. So let every resample give the *difference* of two correlations. What it does to
# both alike falls out, and an interval that excludes zero tells two proxies apart, even where their own intervals overlap.
#
# **Predict:** of the three pairs of proxies, which will be told apart?

# %%
lesson.table(search_course.differences(comparisons))

# %% [markdown]
# A pair that is not told apart is no pair of equals: these networks, trained once each, were too few to say. That has to be said,
# too, and weighs more than the order of three numbers in a table. And the proxies are not equally near to the truth from the
# start: all searches begin with the same initial weights, but early stopping sees the same images in the same order, too. In the records
# that came with ddkit its networks *are* those of the truth after their first updates, which may be a part of its lead.
#
# Now compare "all" with "best" in the table of correlations. Which networks are hopeless every proxy sees, and that alone
# makes a correlation look good. The best networks lie close together; there the question is hard, and a few networks give a
# wide interval.

# %%
def hopeless(scores):
    """The names of the two worst networks."""
    return set(sorted(scores, key=scores.get)[:2])


top = [found.full[name] for name in found.top]
print(f"validation accuracy of all {len(candidates)} networks: {100 * min(found.full.values()):.1f} to "
      f"{100 * max(found.full.values()):.1f} %; of the best {len(top)}: {100 * min(top):.1f} to {100 * max(top):.1f} %")
for name, one in comparisons.items():
    agree = hopeless(one.proxy) == hopeless(one.full)
    of_all, of_best = (one.correlation("Kendall", names) for names in (None, one.top))
    wider = of_best.high - of_best.low > 2 * (of_all.high - of_all.low)
    assert not lesson.shipped(full, *searched) or (agree and wider)
    print(f"{name}: the two worst networks are {'' if agree else 'not '}those of the full data")

# %% [markdown]
# ## What makes a network good here?
#
# **Predict:** of depth, width, norm, activation and pooling, where do the medians differ most?

# %%
search_plots.by_choice(found.full, truth.grid)

# %%
from statistics import median


def medians(axis):
    """Of the full data's validation accuracy, by the values of one choice."""
    by_value = {}
    for candidate in candidates:
        by_value.setdefault(getattr(candidate, axis), []).append(found.full[candidate.name])
    return [median(values) for values in by_value.values()]


between = {axis: max(medians(axis)) - min(medians(axis))
           for axis in ("depth", "width", "norm", "activation", "pooling")}
"medians apart by, in points: " + ", ".join(f"{axis} {100 * gap:.1f}" for axis, gap in between.items())

# %% [markdown]
# Every value stands for a dozen networks or fewer, which differ in all else as well, and each was trained once: a look at the records, and no
# measurement of what a norm or a pooling does.
#
# ## The choice and its price
#
# **Regret** is what the choice costs: validation score of the truly best network minus that of the chosen one, both trained
# on the full data. Now, at the very end, and for these few networks only, the test data come in. *Saved* are the minutes of
# training all networks on the full data minus those of the proxy **and of making its set**. The table has minutes, and the regret in points.
# (Minutes are by the clock, on a busy machine: compare orders of magnitude. Both small sets are the same work.)

# %%
tested = search_course.finals(truth, comparisons)
lesson.table(search_course.choices(comparisons, tested))

# %%
best, chosen = (tested[name].scores.mean for name in (found.best, found.chosen))
se = (best * (1 - best) / len(data.test)) ** 0.5
lesson.say(f"the best by the truth scores {100 * best:.2f} % on test data, DataDAM's choice {100 * chosen:.2f} %; "
           f"one standard error of such a score is {100 * se:.2f} points")
assert found.regret >= 0

# %%
for name, one in comparisons.items():
    print(f"{name}: the network it chooses is {one.regret * 100:.2f} points below the best on validation data")

# %% [markdown]
# Read the column *saved* once more: a proxy that has to be made first starts with a debt, which a single search of this size does not
# pay back against a truth of so few epochs; against the 20 of lesson 1 it would. And read whose choice costs most: that networks
# score higher on a distilled set than on random images does not make it the better judge of *other* networks. In the records that
# came with ddkit its correlation is the lowest of the three and its choice costs most; from which of the two others that is told
# apart, the table of differences says.

# %%
lowest = {min(comparisons, key=lambda name, measure=measure: comparisons[name].correlation(measure).value)
          for measure in ("Kendall", "Spearman")}
worst = lowest == {"DataDAM"} and found.regret == max(one.regret for one in comparisons.values())
every = (full, *searched, tested)
later = found.saved_seconds + (20 / truth.how(data).epochs - 1) * found.full_seconds  # of a truth of 20 epochs
assert not lesson.shipped(*every) or (worst and found.saved_seconds < 0 < later)
early = search_course.proxies(profile)["early stopping"].how(data)
assert not lesson.shipped(*every) or early.epochs_for(len(data.train)) == 1, "its rate has not fallen yet"
assert searched[0].updates == searched[1].updates
assert not lesson.shipped(*every) or 20 < lesson.minutes(*every) < 30, "as the head of this lesson says"

# %% [markdown]
# On validation data the best network wins by definition. On test data it need not: the best of many is partly the luckiest.
#
# ## The question
#
# {MARK proxy}
#
# **4.** Take one of the applications that you named in 1e, and show qualitatively and quantitatively what distilled data do for it.
# If you take architecture search: is the distilled set a good proxy here, on what evidence, and what did it save, its making
# counted? Compare with random real images and with a few updates on the full data.

# %% [markdown] answer="proxy"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for what is asked of a proxy and how it is measured (rank correlation with an interval, among all and among the best;
# regret), with a picture; ½ for numbers of one's own beside both cheap proxies, with n and intervals, and what the overlap of the intervals
# allows to be said; ½ for the account: minutes saved with the distillation counted, choice on validation data, limits of the grid.
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(9, profile)

# %% [markdown]
# ## What you should take away
#
# * A proxy need not score right, it must rank right. Report a rank correlation, with an interval, also among the best.
# * Compare with cheap proxies: random real images and a few updates on the full data cost nothing to make.
# * Count the minutes of making the set; they pay off if it is used often, or if the truth is dear.
# * Choose on validation data; keep test data for the final score.
#
# **Questions to yourself**
#
# 1. From how many candidates on is distilling first cheaper than training all of them on the full data?
# 2. The set was distilled with one ConvNet of instance norm. For which candidates would you expect it to be unfair, and do
#    the records show it?
# 3. The truth here is a training of a few epochs, too. What could change in the ranking after twenty epochs?
# 4. Two proxies are not told apart. What would tell you more: other networks of the grid, or each of these trained from more seeds?
# 5. Why is the network chosen on validation data, and tested only at the end?
#
# **Go further.** Distil with a network of another norm, and rank again: is the set unfair to other candidates now? Take the difference
# of two correlations among the best five networks alone, and see what is left of it.
