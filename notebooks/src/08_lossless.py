# %% [markdown]
# # 8 · Lossless distillation
#
# - **Course part:** {PART}. The task is optional on the sheet.
# - **You will learn** what "nothing is lost" can mean when scores vary, how accuracy grows with the number of images per
#   class, how many real images a distilled one is worth, how to find the smallest lossless number with few runs, and to say
#   so, with its cost, if you have not got there.
# - **Before you start:** lessons 2, 4 and 6.
# - **Time:** an hour with its exercises. What came with the repository is shown at once; a size of your own is a distillation of
#   minutes (the lesson tells how many before you start it).

# %% shared="colab"

# %%
import math

import ddkit  # before torch, whose threads it asks to share the processor
from ddkit import exercises
from ddkit.course import lesson, lossless as lossless_course
from ddkit.plots import experts as expert_plots
from ddkit.training.leads import Lead

profile = lesson.begin()

# %% [markdown]
# ## The idea
#
# Lessons 2 to 7 asked how good a set of ten images per class can be. Here the question is turned round: how many images
# per class does it take until a network trained on the distilled set is as good as one trained on *all* images? Such a set is
# called **lossless** (Guo et al., DATM, ICLR 2024, made the word known: they matched late parts of the experts' trajectories to get
# there on other data). It would be a compressed data set in earnest: small, quick to train on, and nothing given up.
#
# The answer has to be a *number of images with its cost*, and there are three traps on the way:
#
# 1. "As good as" needs a definition before one looks, because no two trainings give the same score.
# 2. Random real images get there as well, at the latest when there are as many as in the full set. So a distilled set
#    has to be compared with *random images of the same number*, and, since a distilled pixel takes four bytes and a real one takes
#    one, with random images of the same *bytes*.
# 3. Each point of the curve is a distillation and an evaluation, and each image more is in every update. So one wants few
#    points.
#
# ## When is nothing lost?
#
# A score on $n$ test images is itself uncertain: if the true accuracy is $p$, the number of hits is that of $n$ throws of a coin
# that falls right with probability $p$, so the score varies with a standard error of $\sqrt{p (1 - p) / n}$. We call a distilled set
# **lossless** if its mean accuracy is above the full data's less two such standard errors. This is a definition, made before
# looking; others are possible (a narrower band, or a test that asks for the difference of many networks on both sides).
#
# **Predict:** how wide is that band for 10,000 test images and an accuracy near 99 %? And near 90 %?

# %%
def half_width(accuracy, images):
    """Two standard errors of an accuracy measured on so many images."""
    return 2 * (accuracy * (1 - accuracy) / images) ** 0.5


assert abs(half_width(0.5, 10_000) - 0.01) < 1e-9
{f"{100 * p:.0f} %": f"± {100 * half_width(p, 10_000):.2f} points" for p in (0.99, 0.9)}

# %%
full_record = lesson.told(ddkit.run(profile.baseline()))
full = full_record.scores
test_images = len(ddkit.load(profile.dataset).test)
band = half_width(full.mean, test_images)
protocol = full_record.spec["protocol"]
print(f"full data: {full}, trained under the {protocol} protocol for {full_record.updates:,} updates")
f"{test_images:,} test images: lossless from {100 * (full.mean - band):.2f} % on"

# %% [markdown]
# How many networks stand behind the full data's score? The band knows about the finite test set only. How much the score moves
# from one training to the next would come on top, and a single network cannot tell.
#
# ## What there is
#
# Runs are dear, so the lesson takes what has been run, here or by those who made ddkit, and leaves out the rest.

# %%
known = lossless_course.records(profile)
for name, row in known.items():
    missing = [ipc for ipc in profile.lossless_ipcs if ipc not in row]
    print(f"{name}: at hand {sorted(row)}; not made {missing}")

# %% [markdown]
# What would the missing ones take? A line through the distillations at hand tells roughly, by the clock and on the machine that
# made them:

# %%
for ipc in profile.lossless_ipcs:
    expected = lossless_course.minutes(profile, ipc)
    if expected:
        print(f"{ipc} per class: about {expected[0]:.0f} minutes to distil by DataDAM, {expected[1]:.0f} to evaluate")

# %% [markdown]
# Write sizes into `to_make` and run the cell: it makes DataDAM's set and the scores of that set and of random real images. An
# interrupted run goes on when the cell is run again. (Where fewer than three sizes are at hand, as in the quick profile at first, it
# makes the three smallest, for the lesson needs a curve.)

# %%
at_hand = known["DataDAM"].keys() & known["random real"].keys()
to_make = profile.lossless_ipcs[:3] if len(at_hand) < 3 else ()  # such as (20,)
for ipc in to_make:
    for name in ("DataDAM", "random real"):
        lesson.told(ddkit.run(lossless_course.evaluation(profile, name, ipc)))

# %% [markdown]
# ## How accuracy grows
#
# **Predict:** at how many images per class will each curve meet the line of the full data? Which curve is steeper, that of distilled
# images or that of random ones?

# %%
records = lossless_course.records(profile)
points = {name: {ipc: record.scores for ipc, record in row.items()} for name, row in records.items() if row}
sizes = sorted({ipc for row in points.values() for ipc in row})
assert len(sizes) > 2
lesson.scores({f"{name}, {ipc} per class": record
               for name, row in records.items() for ipc, record in sorted(row.items())})

# %%
expert_plots.accuracy_against_ipc(points, full, band)

# %% [markdown]
# Where the bars of two curves overlap, look at the difference with its standard error, size by size:

# %%
for ipc in sizes:
    row = {name: scores[ipc] for name, scores in points.items() if ipc in scores}
    for name in row:
        if name != "random real" and "random real" in row:
            lead = Lead.points(row[name], row["random real"])
            error = f" ± {lead.error:.2f}" if lead.error is not None else ""
            lesson.say(f"{ipc:2} per class: {name} {lead.gap:+.2f}{error} points from random real. {lead.verdict}")

# %% [markdown]
# ### How many real images is a distilled one worth?
#
# Points are a poor currency: from 90 to 95 % is another thing than from 98 to 99 %. Ask instead how many random real images per
# class it would take for the same score. Between two sizes that were scored, the random curve is read off along a straight line
# over the logarithm of the number. (A set larger than a batch has more updates in as many epochs: the table above shows
# which. A number read off beside such a size, and the power law below, are of unlike trainings.)
#
# **Predict:** is one distilled image worth more real ones in a set of one per class, or in a set of ten?

# %%
def as_many_random(score, random):
    """Random real images per class that score as high, read off between the sizes scored; None outside of them."""
    for few, more in zip(sorted(random), sorted(random)[1:], strict=False):
        low, high = random[few].mean, random[more].mean
        if low <= score <= high and low < high:
            return few * (more / few) ** ((score - low) / (high - low))
    return None


worth = {}
for ipc, scores in sorted(points["DataDAM"].items()):
    equal = as_many_random(scores.mean, points["random real"])
    if equal:
        worth[ipc] = equal / ipc
    print(f"{ipc} distilled per class are as good as " + (
        f"about {equal:.1f} random: one is worth {equal / ipc:.1f}" if equal else "no number of random ones here"))

# %%
worths = list(worth.values())
rises, falls = worths == sorted(worths), worths == sorted(worths, reverse=True)
direction = "falls" if falls else "rises" if rises else "goes up and down"
f"over the sizes {list(worth)} the worth of a distilled image {direction}; it takes the bytes of four real ones" \
    if len(worths) > 1 else "too few sizes to say more"

# %% [markdown]
# Is a distilled image still a bargain where it is worth fewer than four real ones? That depends on what is scarce: bytes, or steps of
# training. A training step costs the same for both, but more than a batch of images takes more steps.
#
# ## Where would the curves meet the line?
#
# Suppose that errors fall by a power law, $\text{error} \approx a \cdot \text{ipc}^{-b}$: a straight line when both axes are logarithmic. Fit it to
# the sizes at hand, and prolong it.
#
# **Predict:** for which number will the prolonged line of random images be lossless?

# %%
def power_law(scores):
    """Fit log(error) = log(a) - b log(ipc) to the sizes scored; returns a and b, or None."""
    pairs = [(math.log(ipc), math.log(1 - s.mean)) for ipc, s in scores.items() if s.mean < 1]
    if len(pairs) < 3:
        return None
    mean_x, mean_y = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    b = -sum((x - mean_x) * (y - mean_y) for x, y in pairs) / sum((x - mean_x) ** 2 for x, _ in pairs)
    return math.exp(mean_y + b * mean_x), b


specs = [profile.distill("real", ipc=ipc) for ipc in profile.lossless_ipcs]
assert profile.told or len({(one.total_updates, one.config.image_lr) for one in specs}) == 1
laws = {name: law for name, law in ((name, power_law(scores)) for name, scores in points.items()) if law}
reach = {}
for name, (a, b) in laws.items():
    if b > 0:
        reach[name] = (a / (1 - full.mean + band)) ** (1 / b)
        lesson.say(f"{name}: error about {100 * a:.0f} % times ipc to the power of -{b:.2f}; lossless at about "
                   f"{reach[name]:,.0f} per class, {reach[name] / max(points[name]):.0f} times the largest size scored")

# %% [markdown]
# If two such lines cross before they reach the band, that is either a discovery (distillation pays for small sets only) or a sign that
# large sets were not given what they need. DataDAM makes the same number of updates here whatever the size. And its images learn at
# the same rate, while the loss has their mean, in which each of more images has a smaller share: each moves less in an update. (The
# polyps of lesson 4 have their rate in proportion to the number.) The prolonged line cannot tell which. **An extrapolation is not a
# result**: it says where it is worth looking, and how far away that is.

# %%
if {"DataDAM", "random real"} <= laws.keys():
    (a, b), (c, d) = laws["DataDAM"], laws["random real"]
    crossing = (c / a) ** (1 / (d - b)) if d != b else math.inf
    print(f"the power laws of DataDAM and random real images are equal at about {crossing:.0f} images per class")

# %% [markdown]
# ## Move it
#
# The same with a slider, and with bytes, seconds and MACs beside accuracy:

# %%
from ddkit.widgets.images_per_class import ImagesPerClass

growth = ImagesPerClass()
growth

# %%
growth.figure()

# %% [markdown]
# ## The smallest lossless number, with few looks
#
# Suppose that more images never hurt. Then all sizes from some number on are lossless, and all below are not. Trying sizes one
# after the other finds that number, but each trial is a distillation. **Bisection** needs far fewer: look at the size in the middle;
# if it is lossless, the first one is there or below it, and if not, above it; go on with the half that is left.
#
# **Predict:** how many looks does it take to find the first lossless one among 1,000 sizes?
#
# {MARK bisection}
#
# **Exercise.** Write it. `sizes` is sorted; `inside(size)` says whether that size is lossless, and is dear. Return the first size for
# which it holds, or `None` if it holds for none. Of $n$ sizes, look at no more than $\lceil \log_2(n + 1) \rceil + 1$, which is one
# more than bisection needs.

# %% exercise="bisection"
def my_smallest_inside(sizes, inside):
    """Sorted numbers of images per class, a function from such a number to bool -> a number, or None."""
    ### BEGIN SOLUTION
    low, high = 0, len(sizes)  # the first one inside is at low or later, and at high or earlier
    while low < high:
        middle = (low + high) // 2
        if inside(sizes[middle]):
            high = middle
        else:
            low = middle + 1
    return sizes[low] if low < len(sizes) else None
    ### END SOLUTION


# %% check="bisection"
exercises.check("bisection", my_smallest_inside)
### BEGIN HIDDEN TESTS
_asked = []
assert my_smallest_inside(list(range(1, 101)), lambda ipc: _asked.append(ipc) or ipc >= 70) == 70 and len(_asked) <= 8
assert my_smallest_inside([1, 5], lambda ipc: False) is None and my_smallest_inside([1, 5], lambda ipc: True) == 1
### END HIDDEN TESTS

# %%
from ddkit.exercises.lessons.lossless import smallest_inside  # ddkit's own, so that this works before yours does

looks = []
first = smallest_inside(range(1, 1001), lambda ipc: looks.append(ipc) or ipc >= 381)
assert first == 381
f"{len(looks)} looks among 1,000 sizes: {looks}"

# %% [markdown]
# Does "more images never hurt" hold for the sizes at hand? Bisection believes it; a noisy score can lead it astray. So check, and give
# each verdict its uncertainty: that of the networks (their standard error) and that of the test set.

# %%
for name, scores in points.items():
    means = [scores[ipc].mean for ipc in sorted(scores)]
    print(f"{name}: means {'rise' if means == sorted(means) else 'do not always rise'} with size over {sorted(scores)}")

# %%
for name, scores in points.items():
    smallest = smallest_inside(sorted(scores), lambda ipc, of=scores: of[ipc].mean >= full.mean - band)
    top = max(scores, key=lambda ipc, scores=scores: scores[ipc].mean)
    short = 100 * (full.mean - scores[top].mean)
    error = 100 * math.hypot(scores[top].se, scores[top].tested, full.tested)
    print(f"{name}: " + (f"lossless from {smallest} images per class on" if smallest else
          f"none of {sorted(scores)} images per class is lossless; the best, {top}, is "
          f"{short:.2f} ± {error:.2f} points below"))

# %% [markdown]
# ## A size of your own
#
# {MARK own-size}
#
# Choose a number of images per class of which no set by DataDAM came with ddkit, put it in place of `None`, and run the next three
# cells. The first tells how long it will take. A number *between* those at hand tests the curve; a large one comes nearer to the line.

# %%
own_ipc = None  # such as 3
if own_ipc:
    expected = lossless_course.minutes(profile, own_ipc)
    print(f"about {expected[0]:.0f} minutes to distil, {expected[1]:.0f} to evaluate, twice (random real images, too)"
          if expected else "no two distillations are at hand to tell from")

# %%
own = {}
if own_ipc:
    own["distillation"] = lesson.told(ddkit.run(profile.distill("real", ipc=own_ipc)))
    own |= {name: lesson.told(ddkit.run(lossless_course.evaluation(profile, name, own_ipc)))
            for name in ("DataDAM", "random real")}

# %% check="own-size"
exercises.made("own-size", own.get("distillation"), own.get("DataDAM"))

# %%
with_own = {name: dict(scores) for name, scores in points.items()}
for name in own.keys() & with_own.keys():
    with_own[name][own_ipc] = own[name].scores
    on_the_line = 1 - laws[name][0] * own_ipc ** -laws[name][1] if name in laws else math.nan
    print(f"{name}, {own_ipc} per class: {own[name].scores}; the power law above says {100 * on_the_line:.2f} %")
expert_plots.accuracy_against_ipc(with_own, full, band) if own else "no size of your own yet"

# %% [markdown]
# ## What it costs
#
# The verdict that Task 3 asks for is a number *with its cost*. Bytes of the set, minutes by the clock to make it (which a
# training on the full data does not need; PAD's experts come on top), seconds to train one network on it, and how far it is below
# the full data. Some had the processor to themselves and others shared it, so read times as orders of magnitude.

# %%
lesson.table(lossless_course.costs(records, full_record))

# %%
elsewhere = {f"{name}, {ipc} per class": record.device for name, row in records.items() for ipc, record in row.items()
             if record.device.split(",")[0] != full_record.device.split(",")[0]}
for name, device in elsewhere.items():
    print(f"{name}: its networks were trained on {device}, so that its seconds are not to be compared")

# %%
for size, scores in sorted(points["DataDAM"].items()):
    saved, made = full.seconds - scores.seconds, ddkit.find(profile.distill("real", ipc=size))
    if made and saved > 0:
        number = math.ceil(made.seconds / saved)
        lesson.say(f"{size} per class: each network trained on them saves {saved:.0f} s, so {number} "
                   f"training{'s pay' if number > 1 else ' pays'} for making the set, at "
                   f"{100 * (full.mean - scores.mean):.2f} points less accuracy than the full data")

# %% [markdown]
# Mind what the seconds are of. The full data was trained under the assignment's protocol, the small sets under the standard one: the
# line of the full data and the table of scores, both above, say how many updates either has had.
#
# ## Your verdict
#
# {MARK lossless}
#
# Is there a lossless number of images per class on these data, by which definition and under which protocols? If you found one: what
# did it cost, and what does it save against the full data and against as many (or as many bytes of) random real images? If you did
# not: how far did you get, with which uncertainty, and what would you run next with a day of computing?

# %% [markdown] answer="lossless"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for a definition with an interval that was fixed beforehand, and the protocols of both sides named; ½ for the verdict on
# one's own records (the number, or the distance left, in points with its error and n); ½ for the cost (bytes, time to make, time
# to train) against the full data; ½ for random real images of the same number or bytes, and for a next step that follows from
# the curve. An extrapolated number called a result loses a ½.
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(8, profile)

# %% [markdown]
# ## What you should take away
#
# * "Lossless" needs a definition with an interval, before one looks.
# * Compare with random real images of the same number, and of the same bytes.
# * Bisection needs few runs, and trusts that more images never hurt: check that.
# * A prolonged curve says where to look, not what is there.
# * Not reaching it is a result too, if one says how far one got, under which protocol, and at what cost.
#
# **Questions to yourself**
#
# 1. Random real images reach the line as well, at some number. What does the distilled set save, then, and what did it
#    cost?
# 2. The full data was trained by one protocol, the small sets by another. Which choice would favour whom?
# 3. The same test images judge both sides. Does that make the band too wide or too narrow for their *difference*?
# 4. Ten sizes are scored and the best is called lossless. Which error has been made?
# 5. DataDAM matches class means. What could a set of 50 images per class say that its loss never asks for?
# 6. DATM matches early epochs of the experts for small sets and late ones for large sets. Why?
#
# **Go further.** Give large sets more updates (`profile.distill("real", ipc=20, updates=600)`), or an image rate in proportion to their
# number (`image_lr=0.2` in place of the 0.1 of ten), and see whether the curve bends. Match trajectories at another size
# (`profile.match_trajectories("datm", ipc=5)`). Train the full data under the standard protocol and move the line.
