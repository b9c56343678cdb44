# %% [markdown]
# # 9 · An application: architecture search
#
# - **Course part:** {PART}.
# - **You will learn** to choose a network with a hundred images instead of all of them, to say by a rank correlation how
#   far such a choice can be trusted, and what a fair account of the time saved looks like.
# - **Before you start:** lessons 1, 2 and 4.
# - **Time:** 30 minutes of reading; about half an hour more on one processor core in the laptop profile if no result came
#   with the repository.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit.applications.search import report as search_course, plots as search_plots
from ddkit.course import lesson

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The idea
#
# Which network is best for a data set? The sure way is to train them all on all the data. The cheap way is to train them
# all on something small, the **proxy**, and to train only the winner on the data. The distilled set was made with *one*
# network in mind. Can it judge others?
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
f"720 networks as small as these, 20 epochs each: {720 * 20 * epoch / 3600:.1f} hours"

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

# %%
def my_kendall(x, y):
    """[n], [n] -> a number in [-1, 1]."""
    S, T = (torch.sign(z[:, None] - z[None, :]) for z in (x, y))
    return (S * T).sum() / ((S * S).sum() * (T * T).sum()).sqrt()


def my_spearman(x, y):
    """[n], [n] -> a number in [-1, 1]."""
    s, t = (torch.sign(z[:, None] - z[None, :]).sum(1) for z in (x, y))
    return (s * t).sum() / ((s * s).sum() * (t * t).sum()).sqrt()


# %%
from ddkit.applications.search.ranking import correlation

x, y = torch.tensor([0.2, 0.5, 0.6, 0.7, 0.9]), torch.tensor([0.90, 0.97, 0.96, 0.98, 0.99])
assert my_kendall(x, x**3) == 1 and my_spearman(x, -x) == -1, "only the order counts"
assert abs(my_kendall(x, y) - 0.8) < 1e-6, "one pair of ten is the wrong way round"
for name, mine in (("Kendall", my_kendall), ("Spearman", my_spearman)):
    assert abs(float(mine(x, y)) - correlation(name, x, y).value) < 1e-6

# %% [markdown]
# ## How far can a correlation of few networks be trusted?
#
# Other networks from the grid would have given another number. The **bootstrap** plays that through: draw as many networks
# again, with repetition, many times over, and see how the correlation varies.
#
# **Predict:** how wide is the interval of five networks with one pair in disagreement?

# %%
def my_interval(measure, x, y, resamples=1000):
    """The middle 95 % of the resamples' correlations."""
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randint(len(x), (len(x),), generator=generator) for _ in range(resamples)]
    found = torch.stack([measure(x[r], y[r]) for r in rows])
    return found.nanquantile(torch.tensor([0.025, 0.975])).tolist()


# %%
print("five networks, Kendall:", [round(end, 2) for end in my_interval(my_kendall, x, y)], "by the package:",
      correlation("Kendall", x, y))

# %% [markdown]
# ## The search
#
# Every candidate on each proxy, and, to be able to judge, on the full data as well. There are three proxies: DataDAM's
# hundred images; as many random real ones; and the full data, but stopped after a few updates.
#
# **Predict:** which proxy ranks the networks best? Which is the cheapest, everything counted?

# %%
full = lesson.told(ddkit.run(truth))
for spec in search_course.proxies(profile).values():
    lesson.told(ddkit.run(spec))
comparisons = search_course.compared(profile)

# %%
search_plots.proxy_against_truth(comparisons)

# %% [markdown]
# Each point is a network. On a rising line, the proxy ranks as the truth does. The scales are stretched towards 100 %,
# because the good networks are those among which one has to choose.

# %%
lesson.table(search_course.correlations(comparisons))

# %%
found = comparisons["DataDAM"]
scores = [torch.tensor(list(side.values()), dtype=torch.float64) for side in (found.proxy, found.full)]
assert abs(float(my_kendall(*scores)) - found.correlation("Kendall").value) < 1e-9
assert abs(float(my_spearman(*scores)) - found.correlation("Spearman").value) < 1e-9

# %% [markdown]
# Compare "all" with "best". That some networks are hopeless every proxy sees, and that alone makes a correlation look
# good. The best networks lie close together; there the question is hard, and five networks give a wide interval.
#
# ## What makes a network good here?

# %%
search_plots.by_choice(found.full, truth.grid)

# %% [markdown]
# ## The choice and its price
#
# **Regret** is what the choice costs: validation score of the truly best network minus that of the chosen one, both trained
# on the full data. Now, at the very end, and for these few networks only, the test data come in. *Saved* are the minutes of
# training all networks on the full data minus those of the proxy **and of making its set**.

# %%
tested = search_course.finals(truth, comparisons)
lesson.table(search_course.choices(comparisons, tested))

# %%
best, chosen = (tested[name].scores.mean for name in (found.best, found.chosen))
se = (best * (1 - best) / len(data.test)) ** 0.5
print(f"the best by the truth scores {100 * best:.2f} % on test data, DataDAM's choice {100 * chosen:.2f} %; "
      f"one standard error of such a score is {100 * se:.2f} points")
assert found.regret >= 0

# %% [markdown]
# On validation data the best network wins by definition. On test data it need not: the best of many is partly the luckiest.
#
# ## What you should take away
#
# * A proxy need not score right, it must rank right. Report a rank correlation, with an interval, also among the best.
# * Compare with cheap proxies: random real images and a few updates on the full data cost nothing to make.
# * Count the minutes of making the set; they pay off if it is used often.
# * Choose on validation data; keep test data for the final score.
#
# **Questions**
#
# 1. From how many candidates on is distilling first cheaper than training all of them on the full data?
# 2. The set was distilled with one ConvNet of instance norm. For which candidates would you expect it to be unfair, and do
#    the records show it?
# 3. The truth here is a short training, too. What could change in the ranking after twenty epochs?
# 4. Two proxies have overlapping intervals. What would you do to find out which one is better?

# %% [markdown]
# *Your answers:*
