# %% [markdown]
# # 3 · Looking at distilled data
#
# - **Course part:** {PART}.
# - **You will learn** to look at a distilled set critically: un-normalised, beside its start, over time, and through the
#   network's eyes.
# - **Before you start:** lesson 2, whose two distillations are reloaded here (or made, if they are missing).
# - **Time:** 20 minutes.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import plots
from ddkit.course import lesson

profile = lesson.begin()
data = ddkit.load(profile.dataset)
real_run = lesson.told(ddkit.run(profile.distill("real")))
noise_run = lesson.told(ddkit.run(profile.distill("noise")))

# %% [markdown]
# ## The images, class by class (2c)
#
# **Predict:** ten images per class, started from real ones. Could a person still read them?

# %%
plots.image_grid(real_run.synthetic, title=f"Distilled from real images ({profile.label})")

# %% [markdown]
# A distilled set is a set of *numbers for a network*, stored as images. Showing them needs the normalisation undone
# with the statistics they were made with; the set carries these along, so a picture cannot use the wrong ones.

# %%
pixels = real_run.synthetic.pixels()
assert pixels.min() >= 0 and pixels.max() <= 1
raw = real_run.synthetic.images * data.std[0] + data.mean[0]
f"{100 * float(((raw < 0) | (raw > 1)).float().mean()):.0f} % of the pixels lie outside [0, 1]: a picture has to clip them"

# %% [markdown]
# ## What changed
#
# Start, end and difference of one image of each class. Grey in the bottom row is no change.

# %%
plots.start_end_difference(real_run.synthetic, per_class=1)

# %%
moved = {"from real images": real_run.synthetic.moved, "from noise": noise_run.synthetic.moved}
assert all(distance > 0 for distance in moved.values())
{name: round(distance, 1) for name, distance in moved.items()}

# %% [markdown]
# ## From noise (2d)
#
# **Predict:** the same loss, but from Gaussian noise. What will these images look like?

# %%
plots.image_grid(noise_run.synthetic, title=f"Distilled from noise ({profile.label})")

# %% [markdown]
# Nobody told these images what a digit looks like; they only had to make the same places active as the real ones. Noise
# that is left is noise that the mean over ten images averages out: the loss asks nothing about any single image.
#
# ## Over time

# %%
plots.evolution(real_run)

# %%
plots.evolution(noise_run)

# %% [markdown]
# With a slider, any run and any class of it; where widgets do not live, the two pictures above show some of its moments:

# %%
from ddkit.widgets.time_machine import TimeMachine

machine = TimeMachine()
machine.label.value = 3  # one class, which can be seen better than all at once
machine

# %% [markdown]
# The columns are spaced geometrically: most of what the eye can see happens early.
#
# ## Through the network's eyes
#
# Attention maps of a network that neither set has seen. Left of each half the image, then its map in every block.

# %%
from ddkit.networks import build
from ddkit.foundation.randomness import stream

network = build(profile.network, data.channels, 10, data.size, width=profile.width, generator=stream(1, "lesson 3"))
classes = (0, 3, 7)
first = [c * profile.ipc for c in classes]
digits = torch.stack([data.train.of_class(c)[0] for c in classes])
plots.attention_maps(network, digits, real_run.synthetic.images[first], data.mean, data.std, power=1)

# %%
plots.attention_maps(network, digits, noise_run.synthetic.images[first], data.mean, data.std, power=1,
                     titles=("real images", "distilled from noise"))

# %% [markdown]
# ## Where do they lie?
#
# The embeddings of real and synthetic images in the plane that shows most of the real images' variance.

# %%
plots.embedding_2d(network, data.train, real_run.synthetic)

# %%
plots.embedding_2d(network, data.train, noise_run.synthetic)

# %% [markdown]
# ## A check in numbers
#
# Is the mean of the synthetic images of a class nearest to the real mean of the *same* class, to a network that was not
# used for matching? Chance is 1 in 10.

# %%
def nearest_class(synthetic):
    """How many class means of the synthetic set lie nearest to their own class's real mean."""
    with torch.inference_mode():
        real = torch.stack([network.features(data.train.of_class(c)[:200])[-1].mean(0) for c in range(10)])
        mine = network.features(synthetic.images)[-1].unflatten(0, (10, -1)).mean(1)
    return int((torch.cdist(mine, real).argmin(1) == torch.arange(10)).sum())


found = {"from real images": nearest_class(real_run.synthetic), "from noise": nearest_class(noise_run.synthetic),
         "noise before": nearest_class(noise_run.synthetic.undistilled())}
found

# %%
assert found["from real images"] > found["noise before"]

# %% [markdown]
# ## Polyps
#
# **Predict:** colours, crypts, lumens: what will matching keep, and what will it add?

# %%
polyps = lesson.polyps()
polyp_run = lesson.told(ddkit.run(polyps.distill("real")))
plots.image_grid(polyp_run.synthetic, columns=5, title="Distilled polyps, from real images")

# %%
plots.start_end_difference(polyp_run.synthetic, per_class=2)

# %%
polyp_noise = lesson.told(ddkit.run(polyps.distill("noise")))
plots.evolution(polyp_noise)

# %%
assert polyp_run.synthetic.moved > 0 and polyp_noise.synthetic.moved > 0
assert polyp_run.synthetic.pixels().shape[1] == 3, "colour images"

# %% [markdown]
# ## What you should take away
#
# * Un-normalise with the right statistics, and look at start, end and difference side by side.
# * Recognisable is not the goal and not a measure: what a network learns from the images is (next lesson).
#
# **Questions**
#
# 1. Are the condensed images recognisable? Which classes least, and why those? (2c)
# 2. Compare the images from noise with those from real ones. What does the loss ask of a single image? (2d)
# 3. Could a pathologist tell the two classes of distilled polyps apart? Does that decide whether they are useful?
# 4. What would the images look like if they were matched one per class?

# %% [markdown]
# *Your answers:*
