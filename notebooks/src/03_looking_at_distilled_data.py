# %% [markdown]
# # 3 · Looking at distilled data
#
# - **Course part:** {PART}. The discussion of 2d, which needs scores, is in lesson 4.
# - **You will learn** to look at a distilled set critically: with the normalisation undone, beside its start, over time,
#   through a network's eyes, and with numbers beside every impression.
# - **Before you start:** lesson 2, whose distillations are reloaded here (or made, if they are missing).
# - **Time:** 45 minutes with its exercises. One new distillation, of polyps from noise, takes some minutes more where it is
#   not at hand.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.course import lesson

profile = lesson.begin()
data = ddkit.load(profile.dataset)
real_run = lesson.told(ddkit.run(profile.distill("real")))
noise_run = lesson.told(ddkit.run(profile.distill("noise")))

# %% [markdown]
# ## Why look at all?
#
# What a distilled set is worth is decided by what a network learns from it, and that is lesson 4. Looking comes first for
# three reasons. A picture shows in a second what a score hides for a week: that the images never moved, that two classes were
# swapped, that everything is grey. A picture says *how* a method works: which pixels it changes, and which it leaves alone. And
# your reader will believe, or disbelieve, your numbers by your pictures.
#
# Looking also misleads more easily than any number. A picture has a colour scale, a selection, and a viewer who hopes. So every
# section below goes the same way: look, say what you see, and then ask for a number that could contradict you.
#
# ## From numbers to a picture
#
# Networks do not see brightness between 0 (black) and 1 (white). Each channel is first **normalised**: the mean of all
# training pixels of that channel is subtracted, and the result divided by their standard deviation, so that values lie around 0
# and a network's first layer has an easy start. A distilled set is optimised in that space, without bounds. It is a set of
# *numbers for a network*, stored as images.
#
# To show it, undo the normalisation with the very statistics that it was made with, and **clip** what then lies outside
# $[0, 1]$, because no screen shows less than black:
#
# $$\text{pixel} = \min\big(\max(x \cdot \text{std} + \text{mean},\ 0),\ 1\big), \qquad \text{channel by channel.}$$
#
# {MARK unnormalise}
#
# **Exercise.** Write it. `images` is `[n, channels, H, W]`; `mean` and `std` hold one number for each channel. Plotting libraries
# that are given other values *stretch* each picture from its own darkest to its own brightest value, in silence: then nothing
# can be compared with anything.

# %% exercise="unnormalise"
def my_unnormalise(images, mean, std):
    """Normalised images [n, ch, H, W] -> pixels in [0, 1], the same shape."""
    ### BEGIN SOLUTION
    mean = torch.tensor(mean)[:, None, None]
    std = torch.tensor(std)[:, None, None]
    return (images * std + mean).clamp(0, 1)
    ### END SOLUTION


# %% check="unnormalise"
exercises.check("unnormalise", my_unnormalise)
### BEGIN HIDDEN TESTS
_hand = torch.tensor([[[[1.0, -3.0]], [[2.0, 0.0]]]])  # one image of two channels
_pixels = torch.as_tensor(my_unnormalise(_hand, (0.5, 0.25), (0.25, 0.5)))
assert (_pixels - torch.tensor([[[[0.75, 0.0]], [[1.0, 0.25]]]])).abs().max() < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# From here on the lesson calls the package. A `SyntheticSet` carries its statistics along, so that a picture of it cannot use
# the wrong ones.
#
# **Predict:** how many of the distilled pixels lie outside of what can be shown? Nobody told the optimiser about black.

# %%
def outside(synthetic):
    """Share of the pixels that lie outside [0, 1] before they are clipped."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (synthetic.mean, synthetic.std))
    raw = synthetic.images * std + mean
    return float(((raw < 0) | (raw > 1)).float().mean())


pixels = real_run.synthetic.pixels()
assert pixels.min() >= 0 and pixels.max() <= 1
for name, run in (("from real images", real_run), ("from noise", noise_run)):
    print(f"{name}: {100 * outside(run.synthetic):.0f} % of the pixels are clipped in a picture, "
          f"{100 * outside(run.synthetic.undistilled()):.0f} % at the start")

# %% [markdown]
# So a picture of a distilled set is never the whole of it; what distillation added is the difference of the two numbers. Save the
# tensors, not the picture, if you want to train on them: a set that was stored as 8-bit images has lost what was clipped.
#
# ## The images, class by class (2c)
#
# **Predict:** ten images per class, started from real ones. Could a person still read them?

# %%
plots.image_grid(real_run.synthetic, title=f"Distilled from real images ({profile.label})")

# %% [markdown]
# Look at one class after the other before you read on, and note the image that you would misread.
#
# Then find out what was real and what was added. Below are start, end and difference of one image of each class; grey in the
# bottom row is no change.

# %%
title = f"From real images, {profile.dataset}: before, after, and the difference"
plots.start_end_difference(real_run.synthetic, per_class=1, title=title)

# %% [markdown]
# Where did the change go? Two places are of interest: the **stroke** (bright at the start) and the **paper** around it. Guess
# first which of them changed more, per pixel.

# %%
start, end = real_run.synthetic.pixels(real_run.synthetic.start), real_run.synthetic.pixels()
change, stroke = (end - start).abs(), start > 0.5
print(f"strokes are {100 * float(stroke.float().mean()):.0f} % of the pixels")
print(f"mean change of a pixel, of 255 grey levels: {255 * float(change[stroke].mean()):.0f} in the strokes, "
      f"{255 * float(change[~stroke].mean()):.0f} in the paper")

# %% [markdown]
# Two distances are easily confused. `moved` is the Euclidean norm of all changes together in *normalised* units, $\lVert S - S_0
# \rVert$: what the optimiser did. The change in grey levels is what a viewer can see. ddkit reports the first with every run,
# and refuses a run where it is zero.

# %%
moved = {"from real images": real_run.synthetic.moved, "from noise": noise_run.synthetic.moved}
assert all(distance > 0 for distance in moved.values())
{name: round(distance, 1) for name, distance in moved.items()}

# %% [markdown]
# ## Recognisable to whom?
#
# "I can read them" is an observation with one observer, who knows the answers. A cheap second observer: take the five real
# images that are nearest to a distilled one, pixel by pixel, and let them vote on its class. This reader has never seen a
# distilled image and knows no network. It asks images of the *validation* part, which no distillation has started from; else the
# nearest real image would be the very one that the distilled image began as.

# %%
real_images = data.val.images[:5000]
real_labels = data.val.labels[:5000]


def right(synthetic, real, labels):
    """Of each synthetic image: whether the five nearest real images vote for its class."""
    mine, theirs = (synthetic.pixels(images).flatten(1) for images in (synthetic.images, real))
    five = torch.cdist(mine, theirs).topk(5, largest=False).indices
    return labels[five].mode(1).values == synthetic.labels


for name, run in (("from real images", real_run), ("from noise", noise_run)):
    before, after = (int(right(synthetic, real_images, real_labels).sum())
                     for synthetic in (run.synthetic.undistilled(), run.synthetic))
    print(f"{name}, read as their class: {before} of {len(run.synthetic.labels)} at the start, {after} at the end")

# %% [markdown]
# Compare each end with its start: which of the two sets *became* readable, and which was so before its first update? (A few images
# more or less say nothing by themselves.) Which classes does this reader get wrong?

# %%
wrong = {}
for name, run in (("from real images", real_run), ("from noise", noise_run)):
    missed = run.synthetic.labels[~right(run.synthetic, real_images, real_labels)]
    wrong[name] = {run.synthetic.classes[c]: int((missed == c).sum()) for c in missed.unique().tolist()}
wrong

# %% [markdown]
# {MARK recognisable}
#
# **2c.** Are the condensed images recognisable? Support your answer: by the pictures, class by class; by a reader other than
# yourself (the one above, a friend who has not seen the labels, a network trained on real images); and say which classes are read
# least well, and why those might be.

# %% [markdown] answer="recognisable"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ¼ for an answer class by class with the picture at hand, which names the images that are hardest to read and what
# happened to them (smudges beside the strokes, strokes doubled or interrupted); ¼ for support beyond "I can read them": a count,
# another reader, or the comparison with the start, which is what makes images from real ones readable in the first place.
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## From noise (2d)
#
# Images that began as digits prove little by looking like digits. So the assignment asks for the same from Gaussian noise.
#
# **Predict:** the same loss, but every pixel drawn at random. What will these images look like?

# %%
plots.image_grid(noise_run.synthetic, title=f"Distilled from noise ({profile.label})")

# %% [markdown]
# Nobody told these images what a digit looks like; they only had to make the same places active as the real ones do. Noise may
# be left wherever the mean over a class's images averages it out: the loss asks nothing of any single image. For the same
# reason images of a class can be alike, as if drawn by one hand: nothing in the loss asks for variety.
#
# Can that be seen in a number? Compare how far two images of one class are from each other, on the average.

# %%
def variety(synthetic, images):
    """Of each class the mean distance between two of its pictures, [classes]."""
    by_class = synthetic.pixels(images).flatten(1).unflatten(0, (len(synthetic.classes), -1))
    n = by_class.shape[1]
    return torch.cdist(by_class, by_class).sum((1, 2)) / max(n * (n - 1), 1)


real = variety(real_run.synthetic, real_run.synthetic.start)
print(f"random real images: two of a class are {real.mean():.2f} apart")
for name, run in (("from real", real_run), ("from noise", noise_run)):
    distances = variety(run.synthetic, run.synthetic.images)
    change = distances - real
    print(f"distilled {name}: {distances.mean():.2f}, {change.mean():+.2f} ± {change.std() / len(real) ** 0.5:.2f} "
          f"(standard error over {len(real)} classes)")

# %% [markdown]
# (The first row are the images that the distillation from real ones began with, drawn at random from the training images; the
# others are held against them class by class.)
#
# ## Over time
#
# A run keeps its images after some of the updates, so that one can look back. The columns are spaced geometrically: each stands
# for several times as many updates as the one before.
#
# **Predict:** when does most of the change happen: in the first tenth of the updates, evenly, or towards the end?

# %%
plots.evolution(real_run)

# %%
plots.evolution(noise_run)

# %% [markdown]
# It is tempting to say "most of it happens early": the spacing of the columns suggests it, for most of them stand for a small part
# of the run. Measure it. At every kept moment: by how many grey levels has a pixel changed since the start, which share of the
# final change is that, and how many pixels have changed by more than a tenth of the range from black to white, so that one could
# notice it?
#
# (Only pictures can be compared here: moments are kept with 8 bits a pixel, clipped. To subtract the unclipped start from a clipped
# moment would count a way that the images never went.)

# %%
def moments(run):
    """Of each kept moment: updates, mean change in grey levels, share of the final one, share of pixels with much."""
    synthetic = run.synthetic
    first, last = synthetic.pixels(synthetic.start), synthetic.pixels()
    for updates, images in run.evolution.items():
        change = (synthetic.pixels(images) - first).abs()
        share = float(change.mean() / (last - first).abs().mean())
        yield updates, 255 * float(change.mean()), share, float((change > 0.1).float().mean())


def tell_moments(run):
    for updates, grey, share, noticed in moments(run):
        print(f"after {updates:>4} updates ({100 * updates / run.updates:5.1f} %): {grey:4.1f} grey levels, "
              f"{100 * share:3.0f} % of the final change; noticeable in {100 * noticed:2.0f} % of the pixels")

# %%
tell_moments(real_run)

# %%
tell_moments(noise_run)

# %% [markdown]
# Now it can be said with numbers. Half of the final change is reached between two of these moments, and the sentence below is as
# precise as the kept moments allow:

# %%
def half_way(run):
    """The kept moments (updates) between which half of the final change is reached."""
    found = [(updates, share) for updates, _, share, _ in moments(run)]
    return max(u for u, share in found if share < 0.5), min(u for u, share in found if share >= 0.5)


for name, run in (("from real images", real_run), ("from noise", noise_run)):
    before, after = half_way(run)
    word = "early" if after <= 0.5 * run.updates else "not early"
    print(f"{name}: half of the change is reached between updates {before} and {after} of {run.updates}, so {word}")
    assert not run.shipped or sum(updates <= run.updates / 4 for updates in run.evolution) > len(run.evolution) / 2
small = [share for _, grey, share, noticed in moments(real_run) if grey < 0.03 * 255 and noticed <= 0.05]
assert not real_run.shipped or max(small) > 0.4, "a large share of the way, and hardly anything to the eye"

# %% [markdown]
# Hold that against what you *see*. From real images, can you tell the first columns apart? A change by a few hundredths of the
# range from black to white is a large share of the way and hardly anything to the eye. "Half of the change" and "visible" are two
# statements; write the one that you mean.

# %% [markdown]
# With a slider, any run, any class of it, at any kept moment:

# %%
from ddkit.widgets.time_machine import TimeMachine

machine = TimeMachine()
machine.label.value = 3  # one class, which can be seen better than all at once
machine

# %%
machine.figure()

# %% [markdown]
# ## Through the network's eyes
#
# The loss compares attention maps, so look at those. Below are the maps of a network that neither set has seen, with fresh random
# weights. Left of each half is the image, then its map after every block.
#
# **Predict:** in which block will real and distilled images be easiest to tell apart?

# %%
from ddkit.networks import build
from ddkit.foundation.randomness import stream

generator = stream(1, "lesson 3")
network = build(profile.network, data.channels, 10, data.size, width=profile.width, generator=generator)
classes = (0, 3, 7)
first = [c * profile.ipc for c in classes]
digits = torch.stack([data.train.of_class(c)[0] for c in classes])
plots.attention_maps(network, digits, real_run.synthetic.images[first], data.mean, data.std, power=1,
                     titles=("Run from real: real", "Run from real: distilled"))

# %%
plots.attention_maps(network, digits, noise_run.synthetic.images[first], data.mean, data.std, power=1,
                     titles=("Run from noise: real", "Run from noise: distilled"))

# %% [markdown]
# These are different digits of one class, so their maps need not agree image by image. What was asked for is that the *means* of
# the two sides agree, block by block, and that is no picture of a single image.
#
# ## Where do they lie?
#
# The **embedding**, the input of the classifier, has many numbers for an image. A picture has two. **Principal components** are
# the directions in which the real images differ most; the picture below shows the first two, and the axes say how much of the
# variance they hold. All else is lost in it: two points that touch here can be far apart.

# %%
plots.embedding_2d(network, data.train, real_run.synthetic)

# %%
plots.embedding_2d(network, data.train, noise_run.synthetic)

# %% [markdown]
# ## A check in numbers
#
# In all dimensions, then. Is the mean of the synthetic images of a class nearest to the real mean of the *same* class, to a network
# that was not used for matching? Guessing would be right for one class in ten.
#
# {MARK nearest-class}
#
# **Exercise.** Count them. `real` and `synthetic` are embeddings, `[classes, n, D]`, and $n$ may differ between the two. The result
# is a number from 0 to the number of classes.

# %% exercise="nearest-class"
def my_nearest_class(real, synthetic):
    """Embeddings [classes, n, D] of both sides -> how many synthetic means are nearest to their own real mean."""
    ### BEGIN SOLUTION
    distances = torch.cdist(synthetic.mean(1), real.mean(1))
    return int((distances.argmin(1) == torch.arange(len(real))).sum())
    ### END SOLUTION


# %% check="nearest-class"
exercises.check("nearest-class", my_nearest_class)
### BEGIN HIDDEN TESTS
_real = torch.tensor([[[0.0], [2.0]], [[9.0], [11.0]], [[20.0], [20.0]]])  # class means 1, 10 and 20
assert my_nearest_class(_real, torch.tensor([[[2.0]], [[14.0]], [[16.0]]])) == 3
assert my_nearest_class(_real, torch.tensor([[[8.0]], [[14.0]], [[30.0]]])) == 2
### END HIDDEN TESTS

# %%
from ddkit.exercises.lessons.looking import nearest_class  # ddkit's own, so that this works before yours does


def embedded(judge, images, number):
    """Embeddings [classes, n, D] of images that are sorted by class."""
    with torch.inference_mode():
        return judge.features(images)[-1].unflatten(0, (number, -1))


least = min(200, *(len(data.train.of_class(c)) for c in range(10)))
wanted = embedded(network, torch.cat([data.train.of_class(c)[:least] for c in range(10)]), 10)
sets = {"random real images": real_run.synthetic.start, "distilled from real": real_run.synthetic.images,
        "noise before": noise_run.synthetic.start, "distilled from noise": noise_run.synthetic.images}
nearest = {name: nearest_class(wanted, embedded(network, images, 10)) for name, images in sets.items()}
nearest

# %%
assert nearest["distilled from real"] > nearest["noise before"] < nearest["distilled from noise"]

# %% [markdown]
# Random real images (the start of the distillation from real ones) may pass this check as well as distilled ones do. That makes it a test that can say "broken", and not one that can say "better": for that, networks have to be
# trained (lesson 4).
#
# ## Polyps
#
# The same in colour: two classes of stained tissue, from your own copy of MHIST or the synthetic stand-in (lesson 1). HP and SSA
# differ in the outlines of crypts (the tissue's glands, which are cut across), and crypts may lie anywhere.
#
# **Predict:** colours, crypts, their openings: what will matching keep, and what will it add?

# %%
polyps = lesson.polyps()
tissue = ddkit.load(polyps.dataset, size=polyps.size)
polyp_run = lesson.told(ddkit.run(polyps.distill("real")))
plots.image_grid(polyp_run.synthetic, columns=5, title="Distilled polyps, from real images")

# %%
plots.start_end_difference(polyp_run.synthetic, per_class=2, title="Polyps from real images: before, after, difference")

# %% [markdown]
# **Predict:** and from noise? Digits of a class have strokes at the same places; here there is no such place.

# %%
polyp_noise = lesson.told(ddkit.run(polyps.distill("noise")))
assert polyp_run.synthetic.moved > 0 and polyp_noise.synthetic.moved > 0
assert not polyp_noise.shipped or 1 < polyp_noise.seconds / 60 < 10, "as the head of this lesson says"
plots.evolution(polyp_noise)

# %%
for name, run in (("from real images", polyp_run), ("from noise", polyp_noise)):
    print(f"polyps {name}, {run.updates} updates:")
    tell_moments(run)

# %% [markdown]
# Compare the updates of the two runs first: where the run from noise was given fewer (the profile says how many), it also had less
# of a chance, and its pictures show a run that was cut short as much as they show a method. Lesson 4 has its scores.
#
# The second observer, on polyps. Chance is one in two, and a reader who always says the same class is right for half. (A count of
# $n$ guesses has a standard error of $\sqrt n / 2$.)

# %%
each = min(200, *(len(tissue.val.of_class(c)) for c in range(2)))
sections = torch.cat([tissue.val.of_class(c)[:each] for c in range(2)])
diagnoses = torch.arange(2).repeat_interleave(each)
guessed, read = [], {"real images": polyp_run.synthetic.undistilled(), "distilled from real": polyp_run.synthetic,
                     "distilled from noise": polyp_noise.synthetic}
for name, synthetic in read.items():
    answers = right(synthetic, sections, diagnoses).unflatten(0, (2, -1))
    n, correct = answers.numel(), int(answers.sum())
    said = [f"{int(answers[c].sum())} of {answers.shape[1]} {tissue.classes[c]}" for c in range(2)]
    guessed.append(abs(correct - n / 2) < n**0.5)
    print(f"{name}, read as what they are: {', '.join(said)}; {'as' if guessed[-1] else 'unlike'} a guess")
assert not lesson.shipped(polyp_run, polyp_noise) or all(guessed)

# %% [markdown]
# A reader of pixels that cannot read *real* polyps is no judge of distilled ones. If that is what the lines say, they say nothing
# for or against the images: another reader is needed.
#
# {MARK noise-records}
#
# **2d, the runs.** The mark is for your own two distillations from noise, one of each data set (`DDKIT_REFERENCE=0`, lesson 1).

# %% check="noise-records"
exercises.made("noise-records", noise_run, polyp_noise)

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(3, profile, polyps)

# %% [markdown]
# ## What you should take away
#
# * Undo the normalisation with the right statistics, clip, and never let a library stretch a picture.
# * Show start, end and difference side by side, and let a number contradict the picture.
# * "Early", "visible", "moved": three claims with three measures. Say which one you mean.
# * Recognisable is neither the goal nor a measure: what a network learns from the images is (next lesson).
#
# **Questions to yourself**
#
# 1. What would the pictures of this lesson look like if `imshow` had stretched each of them by itself? Which of your statements
#    would have changed?
# 2. The mean embedding of a class can be right while every single image is strange. Draw such a set of two images.
# 3. Why does noise remain at some places of the images from noise, and not at others?
# 4. Could a pathologist tell the two classes of distilled polyps apart? Does that decide whether they are useful?
# 5. What would the images look like if they were matched one per class? What would the loss then ask of a single image?
# 6. The second observer compares pixels. Name a distilled image that it would misread and you would not, and one the other
#    way round.
#
# **Go further.** Make the set with one image per class (`profile.distill("real", ipc=1)`) and look at it as above. Store a set as PNG
# files, read it back, and score both in lesson 4: how much was in the clipped pixels? Show ten images of each class from noise to
# somebody who has not seen this lesson, in random order, and count what is read.
