# %% [markdown]
# # 8 · Lossless distillation
#
# - **Course part:** {PART}.
# - **You will learn** how many images per class a distilled set needs until nothing is lost against the full data, what
#   "nothing" can mean when scores vary, and to say so if you have not got there.
# - **Before you start:** lessons 2, 4 and 6.
# - **Time:** 20 minutes; the laptop profile shows the results that came with the repository and makes no new ones.

# %% shared="colab"

# %%
import ddkit
from ddkit.course import lesson, trajectories as trajectory_course
from ddkit.plots import experts as expert_plots

profile = lesson.begin()

# %% [markdown]
# ## When is nothing lost?
#
# A score on $n$ test images is itself uncertain: if the true accuracy is $p$, it varies with a standard error of
# $\sqrt{p (1 - p) / n}$. We call a distilled set **lossless** if its mean accuracy lies within two such standard errors
# of the full data's, or above.
#
# **Predict:** how wide is that band for MNIST, with 10,000 test images and an accuracy of about 99.4 %?

# %%
def half_width(accuracy, images):
    """Two standard errors of an accuracy measured on so many images."""
    return 2 * (accuracy * (1 - accuracy) / images) ** 0.5


# %%
full = ddkit.run(profile.baseline()).scores
band = half_width(full.mean, len(ddkit.load(profile.dataset).test))
assert abs(half_width(0.5, 10_000) - 0.01) < 1e-9
f"full data {100 * full.mean:.2f} %, lossless from {100 * (full.mean - band):.2f} % on"

# %% [markdown]
# ## What there is
#
# Runs are dear, so the laptop profile takes what has been run and leaves out the rest; the quick profile makes them.

# %%
get = ddkit.run if profile.name == "quick" else ddkit.find
specs = {name: {ipc: profile.evaluate(trajectory_course.sources(profile, ipc)[name], "standard")
                for ipc in profile.lossless_ipcs} for name in ("PAD", "DataDAM", "random real")}
records = {name: {ipc: get(spec) for ipc, spec in row.items()} for name, row in specs.items()}
points = {name: {ipc: r.scores for ipc, r in row.items() if r} for name, row in records.items()}
lesson.scores({f"{name}, {ipc} per class": records[name][ipc] for name, row in points.items() for ipc in row})

# %% [markdown]
# **Predict:** at how many images per class will each curve meet the line?

# %%
expert_plots.accuracy_against_ipc(points, full, band)

# %% [markdown]
# The same with a slider, and with bytes, seconds and MACs beside accuracy:

# %%
from ddkit.widgets.images_per_class import ImagesPerClass

growth = ImagesPerClass()
growth

# %%
growth.figure()

# %% [markdown]
# ## The smallest lossless number
#
# If more images never hurt, the first one inside the band can be found by bisection, with few looks.

# %%
def smallest_inside(ipcs, inside):
    """The first of the sorted numbers for which ``inside`` holds, if it holds for all later ones; else None."""
    low, high = 0, len(ipcs)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if inside(ipcs[middle]) else (middle + 1, high)
    return ipcs[low] if low < len(ipcs) else None


# %%
assert smallest_inside([1, 5, 10, 50], lambda ipc: ipc >= 7) == 10
assert smallest_inside([1, 5], lambda ipc: False) is None and smallest_inside([1, 5], lambda ipc: True) == 1

# %%
for name, scores in points.items():
    found = smallest_inside(sorted(scores), lambda ipc, scores=scores: scores[ipc].mean >= full.mean - band)
    best = max(s.mean for s in scores.values())
    print(f"{name}: " + (f"lossless from {found} images per class on" if found else
          f"none of {sorted(scores)} images per class is lossless; the best loses {100 * (full.mean - best):.2f} points"))

# %% [markdown]
# ## What you should take away
#
# * "Lossless" needs a definition with an interval, before one looks.
# * Not reaching it is a result too, if one says how far one got and under which protocol.
#
# **Questions**
#
# 1. Random real images reach the line as well, at some number. What does the distilled set save, then, and what did it
#    cost?
# 2. The full data was trained by one protocol, the small sets by another. Which choice would favour whom?

# %% [markdown]
# *Your answers:*
