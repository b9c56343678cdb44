# %% [markdown]
# # 14 · Privacy: three things that "anonymous" may mean
#
# - **Course part:** {PART}. It is for who wants to give a distilled set away that was made of somebody's images.
# - **You will learn** to tell *unrecognisable*, *unlinkable* and *differentially private* apart; to attack a set, and what a failed attack does
#   not prove; why a real start gives its images away; two further private methods, and the opponent that both have to beat.
# - **Before you start:** lesson 7 (KIP). The part on private sets in lesson 12 helps: here it is used, not derived again.
# - **Time:** an hour. Small digits and polyps are distilled live. The attacks on real data are reloaded if their records are at hand; otherwise
#   small ones are made, in less than a minute of one processor core.

# %% shared="colab"

# %%
import time
from dataclasses import replace

import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.applications.privacy import Membership
from ddkit.applications.privacy import membership as guess
from ddkit.course import lesson
from ddkit.data import Split
from ddkit.foundation.randomness import stream
from ddkit.specs import RandomReal

profile = lesson.begin()
digits = ddkit.load("digits")
begun = time.process_time()

# %% [markdown]
# ## Whose images?
#
# A hospital distils ten thousand X-rays into a hundred images that look like nothing, and gives these away: *the data are anonymous now*, papers say (Li et al.,
# 2020, 2022, on gastric X-rays). What could be meant?
#
# 1. **Unrecognisable**: nobody who looks at the set sees a person.
# 2. **Unlinkable**: nobody who has an image can find out whether it was among the real ones. They were **members**; all others of the same
#    kind were not.
# 3. **Differentially private**: what is given away would hardly have been less probable without any one image, whatever anybody else knows (lesson 12).
#
# The first is judged by eye, the second by attacks, the third by a proof. **Think:** does any of them follow from another?
#
# To ask about members there must be others. So of 600 digits half are members, and sets are distilled from these alone:

# %%
who = Membership(RandomReal("digits", 2), images=600, models=6)
pool, member = who.pool(digits), who.members(digits)[0]
members, others = pool.images[member], pool.images[~member]
ours = replace(digits, train=Split(members, pool.labels[member]))
f"{len(members)} members and {len(others)} others, as many of each class"

# %%
from ddkit.methods import METHODS, presets
from ddkit.methods.loop import distill
from ddkit.synthetic import SyntheticSet, forms


def made(method, updates, init="noise", form="pixels", form_options=None, data=ours, ipc=2, **knobs):
    """A set distilled from the members."""
    config = presets.configure(method, "course", {"updates": updates, **knobs})
    begins = forms.begin(form, forms.configure(form, form_options or {}), data, ipc, init, stream(0, "init"))
    synthetic = SyntheticSet.of_form(begins, data, init)
    distill(METHODS[method](config), synthetic, data, updates=updates, seed=0, quiet=True)
    return synthetic


# %% [markdown]
# ## Unrecognisable
#
# KIP from real images and from noise, for a short time and a longer one; and KIP with a share $\rho$ of each image's pixels kept at noise (Nguyen et al., 2021, who
# suggest it for privacy). **Predict:** which rows will you recognise? And which of them, do you think, tell which images they came from?

# %%
KNOBS = {"real_batch": 150}
sets = {"real, 10 updates": made("kip", 10, "real", **KNOBS), "real, 300": made("kip", 300, "real", **KNOBS),
        "noise, 300": made("kip", 300, **KNOBS),
        "real, 90 % hidden": made("kip", 300, "real", "corrupted", {"share": 0.9}, **KNOBS)}
rows = {"real start": sets["real, 300"].start} | {name: found.images for name, found in sets.items()}
plots.image_rows(digits, {name: images[::2] for name, images in rows.items()}, "Which of these would you give away?")

# %% [markdown]
# ## Unlinkable: a test without any network
#
# For each image of a set, look for the nearest real image, among members and others alike. If nothing is remembered, it is a member half of the time. By hand:

# %%
def nearest_share(images):
    """The share of these whose nearest real image is a member."""
    flat = images.flatten(1).double()
    to_member, to_other = (torch.cdist(flat, real.flatten(1).double()).min(1).values for real in (members, others))
    return (to_member < to_other).double().mean()


copied = members[:30] + 0.1 * torch.randn(30, 1, 28, 28, generator=stream(0, "copies"))
assert nearest_share(copied) == guess.nearest_are_members(copied, members, others).value == 1
f"thirty noisy copies of members: {100 * nearest_share(copied):.0f} % are nearest to a member"

# %% [markdown]
# **Predict** the share, in %, of the start from real images, and of the same set after 300 updates.

# %%
at_start, after_300 = None, None  # whole numbers, such as 75

shares = {name: guess.nearest_are_members(images, members, others) for name, images in rows.items()}
for name, found in shares.items():
    lesson.say(f"{name}: the nearest real image is a member for {found} of {found.n} (95 % interval)")
assert shares["real start"].value == 1
given = None if None in (at_start, after_300) else (at_start, after_300)
lesson.answered(given, tuple(round(100 * shares[name].value) for name in ("real start", "real, 300")))

# %%
remembered = [name for name, found in shares.items() if found.low > 0.5]
lesson.say(f"members are nearest more often than chance gives: {'; '.join(remembered)}")
assert {"real start", "real, 10 updates"} <= set(remembered) and "noise, 300" not in remembered

# %% [markdown]
# A real start gives all of its images away, and the set that has hardly moved gives them away as well. How long that lasts depends on how far the images move: pixels that
# no gradient needs to change stay as they were. Who begins from noise begins as nobody's copy. **Unrecognisable is not unlinkable**, if the share of the last row holds. But it is one of five intervals, of
# twenty images; the records below have a hundred to a thousand, and a row of its kind. Keep it in mind.
#
# ## Unlinkable: by a network's confidence
#
# **Membership inference** usually asks a network that was trained on the set. A network is surer of what it has seen, so guess: *member, if the loss is small* (the **loss
# threshold**, Yeom et al., 2018). A threshold is a matter of taste, so one takes them all: the **AUC** is the probability that a member has the smaller loss of the
# two, when a member and another are drawn at random. Ties count half; 0.5 is guessing.
#
# **✎ For practice:** write it. `members` and `others` are losses, [n] and [m]; the answer is one number.

# %% exercise="area"
def my_area(members, others):
    """The share of all pairs in which the member has the smaller loss; ties count half."""
    ### BEGIN SOLUTION
    below, ties = (members[:, None] < others).double(), (members[:, None] == others).double()
    return float((below + ties / 2).mean())
    ### END SOLUTION


exercises.check("area", my_area)

# %% [markdown]
# Now to a network that saw twenty random members, and learned them by heart. **Predict** two areas: of the *twenty images that it saw* against others; and of *all
# members* against others.

# %%
from ddkit.training import Protocol, logits, trained

picks = torch.cat([torch.nonzero(pool.labels[member] == c)[:2, 0] for c in range(10)])
seen = torch.zeros(len(pool), dtype=torch.bool)
seen[torch.nonzero(member)[picks, 0]] = True
HOW = Protocol("by heart", epochs=200, schedule="constant")
network, _ = trained(Split(pool.images[seen], pool.labels[seen]), digits, "MLP", HOW, 0, quiet=True)
sure = guess.confidence(logits(network, pool.images), pool.labels)
of_seen = guess.attack(sure[seen | ~member], seen[seen | ~member])
of_all = guess.attack(sure, member)
assert of_seen.auc > 0.9 > of_all.high
lesson.say(f"of the twenty: {of_seen} (AUC and its 95 % interval); of all {len(members)} members: {of_all}")

# %% [markdown]
# The same network: nearly certain about the few, helpless about the many. Both are true, and a paper chooses which to print. Dong et al. (ICML 2022, an outstanding
# paper) claimed that distilled sets keep members private *for free*; Carlini, Feldman and Nasr (2022) answered that the comparison was between images
# that were trained on and images that hardly had been looked at. An average over many hides the few who are exposed. So a second number stands beside the area: how many
# members are **caught when only 1 % of the others are accused**.
#
# ### An attack that knows more
#
# Some images are easy for any network, others hard, member or not: the loss threshold drowns in that. **LiRA** (Carlini et al., 2022) makes **shadow models**, each from another
# half of the images, and so knows for *this very image* how the confidence $\varphi = \log \frac{p_y}{1 - p_y}$ is distributed if it is a member, and if not:
#
# $$\text{score} = \log \mathcal N(\varphi; \mu_{in}, \sigma_{in}^2) - \log \mathcal N(\varphi; \mu_{out}, \sigma_{out}^2)$$
#
# A toy with known truth: confidences of 3,000 images whose easiness varies much (a standard deviation of 5), which rise by 1 if the image is a member, and have noise of 1
# from model to model. **Predict** both areas.

# %%
import math

models, images = 66, 3000
inside = torch.arange(models)[:, None] % 2 == torch.arange(images) % 2
toy = stream(0, "toy")
easiness, noise = torch.randn(images, generator=toy).double(), torch.randn(models, images, generator=toy).double()
phi = 5 * easiness + inside + noise
knows = guess.attack(guess.likelihood_ratios(phi[0], phi[2:], inside[2:]), inside[0])
plain = guess.attack(phi[0], inside[0])
truth = 0.5 * (1 + math.erf(1 / 2))
assert plain.high < knows.low
lesson.say(f"loss threshold {plain}; LiRA {knows}, where Phi(1 / sqrt 2) = {truth:.3f} is the best that anybody can do")

# %% [markdown]
# ## Real data
#
# MLPs on sets of real digits (in the quick profile, on small ones). Half of the images in question are members, other ones for every model; each model is attacked
# in turn, with the others as shadows, but for its twin, which was made from all other images. (Where by luck one twin's members are the easy images, the other's are the
# hard ones. So the attacks on the two err to opposite sides, and pairs of twins are what is counted: the mean of a pair is known far better than either.) For a distilled set a shadow model is a whole distillation *and* a
# training, which is why there are few, and why sets are distilled for a short time: KIP for 300 updates, DataDAM for 100 on networks of width 32. **Predict**, row
# by row: which area is above 0.5? Which sets have a member nearest?

# %%
from ddkit.applications.privacy import plots as privacy_plots
from ddkit.applications.privacy import report

found = lesson.at_hand(report.every, profile)
records, more = found["rows"], found.get("more", {})
lesson.table(report.table(records, "github"))

# %%
privacy_plots.exposure(records)

# %%
SELDOM = 0.01  # some two dozen areas are looked at: of one in twenty one would often be met by chance


def found_out(lead):
    """Whether chance alone would seldom put a measure so far above one half."""
    return lead is not None and lead.gap > 0 and lead.by_chance < SELDOM


for name, record in records.items():
    told = []
    for attack, words in report.ATTACKS.items():
        lead = report.above_guessing(record, attack)
        chance = "" if found_out(lead) else " (no more than chance)"
        told.append(f"{words} {lead.gap:+.4f} ± {lead.error:.4f}{chance}")
    lesson.say(f"{name}: AUC above guessing, with its standard error over {lead.seeds[0]} pairs of twins, by "
               f"{report.shadows(record)} shadows: {'; '.join(told)}")

# %%
exposed = {name: [words for attack, words in report.ATTACKS.items()
                  if found_out(report.above_guessing(record, attack))] for name, record in records.items()}
nearer = [name for name, record in records.items() if found_out(report.nearest_above(record))]
lesson.say("found out by more than chance: " + ("; ".join(
    f"{name} (by {' and '.join(by)})" for name, by in exposed.items() if by) or "none"),
    f"members nearest by more than chance, which no network was needed for: {'; '.join(nearer) or 'none'}")
quiet = [name for name in nearer if not exposed[name]]
if quiet:
    lesson.say(f"So these say nothing to an attack on networks, and show whose images they are all the same: "
               f"{'; '.join(quiet)}. A failed attack proves nothing.")

# %% [markdown]
# ### Is the attack too weak?
#
# Few shadows know an image's two means badly: of eight there are four on either side. So some rows were made again with as many models as give every attacked one sixteen
# shadows. The first models are the same, and so each is attacked twice. **Predict:** which rows are found out better?

# %%
lesson.say(*report.said_of_more(records, more) or ["no rows with more shadows are at hand"])

# %%
if more:
    leads = {name: report.by_more(records[name], record) for name, record in more.items() if name in records}
    better = "; ".join(name for name, lead in leads.items() if found_out(lead)) or "none"
    lesson.say(f"found out better with more shadows, by what chance does in less than {100 * SELDOM:g} of 100 "
               f"comparisons (above, 'told apart' asks for less than 5): {better}")
    for attack, words in report.ATTACKS.items():
        named = [name for name, record in more.items() if found_out(report.above_guessing(record, attack))]
        lesson.say(f"found out by {words} over {report.MORE + report.TWINS} models: {'; '.join(named) or 'none'}")

# %% [markdown]
# An area of 0.505 is little, and need not be chance: a network that has seen a hundred of five thousand members knows those hundred, and the average over all shows a
# fiftieth of it. A set that was distilled from members fits them a little better than others, as everything that is trained fits what it was trained on: look whether even
# one that began as noise was found out. A proof bounds such an area, and need not make it zero. Where the areas are no more than chance, this is a **null result of these
# attacks at this size**. It is no proof of privacy: the column *nearest* shows what they missed. And with so few shadows LiRA may see less than the plain loss does: with more
# of them it is a better attack, and a failed attack is worth as much as the attack was good.
#
# And pixels that are hidden? **Predict** what it costs to keep nine in ten at noise, and what it is good for.

# %%
from ddkit.training.leads import Lead

if report.NOISED in records:
    price = Lead.points(records[report.NOISED].scores, records[report.FROM_REAL].scores)
    lesson.say(f"members nearest: {report.nearest(records[report.NOISED])} with hidden pixels, "
               f"{report.nearest(records[report.FROM_REAL])} without",
               f"above one half by more than chance, with hidden pixels: "
               f"{'yes' if found_out(report.nearest_above(records[report.NOISED])) else 'no'} (the live row of twenty "
               f"images, above: {'yes' if 'real, 90 % hidden' in remembered else 'no'})",
               f"accuracy: {price.gap:+.1f} ± {price.error:.1f} points. {price.verdict}")
else:
    print("no record with hidden pixels is at hand: see the live row above")

# %% [markdown]
# It can make this test fail, at a price; what twenty live images seemed to show, the larger row says better. The pixels that are left come from somebody all the same, and nothing is proved: another attack may look at them alone.
#
# ## Private by proof
#
# Lesson 12 had one private method. All of them have the same door: whatever is seen of the real images comes through it as a sum of bounded terms, with noise.
# Here are two more.
#
# **DP-KIP** (Vinaroz and Park, 2023) clips each image's own gradient in the *set*. Such a gradient is as large as the set. But the kernel sees products of images only, and
# so it is $g_i = c_i x_i^\top + D_i S$ with few numbers in $c_i$ and $D_i$, and its length is known without making it. **Private statistics** release once,
# for fixed random networks with features $F$ of length one, the sums $A = \sum_i F_i F_i^\top$ and $B = \sum_i F_i t_i^\top$; then one distils from them *for as
# long as one likes*, since what is computed from a release (**post-processing**) costs nothing more.
#
# **Predict:** DP-KIP makes 200 updates; private statistics are distilled for 250 updates. At equal epsilon, which noise is larger, in units of what one image can
# change? What if either makes 2,000?

# %%
from ddkit.methods.private.accountant import gaussian_sigma, rdp_sigma

for epsilon in (1.0, 10.0):
    summed = {updates: rdp_sigma(epsilon, 200 / 5000, updates, 1e-5) for updates in (200, 2000)}
    once = gaussian_sigma(epsilon, 1e-5)
    lesson.say(f"epsilon {epsilon:g}: sigma {summed[200]:.2f} for each of 200 sums of a twenty-fifth of the images, "
               f"{summed[2000]:.2f} for 2,000; {once:.2f} for one sum of all, whatever follows")
    assert summed[200] < summed[2000]

# %% [markdown]
# What one image can change must be *known before looking*.
#
# **✎ For practice:** write the clipping of lesson 12, for gradients as rows: each keeps its direction, and none is longer than $C$.

# %% exercise="clipping"
def my_clipped(gradients, clip):
    """[n, P] -> [n, P], no row longer than ``clip``."""
    ### BEGIN SOLUTION
    return gradients * (clip / gradients.norm(dim=1, keepdim=True).clamp_min(clip))
    ### END SOLUTION


exercises.check("clipping", my_clipped)

# %% [markdown]
# Live, on the 300 members, one image per class. **Predict:** how do the pictures change with epsilon?

# %%
live = {"no noise": made("dp_kip", 100, ipc=1, epsilon=None, sigma=0.0, real_batch=150)}
for epsilon in (10.0, 1.0):
    live[f"epsilon {epsilon:g}"] = made("dp_kip", 100, ipc=1, epsilon=epsilon, real_batch=150)
for name, found in live.items():
    spent = found.origin["privacy"]
    proved = "no epsilon" if spent["epsilon"] is None else f"epsilon {spent['epsilon']:.2f}"
    lesson.say(f"{name}: {proved} after {spent['steps']} noisy sums of sigma {spent['sigma']:.2f}")
plots.image_rows(digits, {name: found.images for name, found in live.items()}, "DP-KIP: one image per class")

# %% [markdown]
# ### What does the proof cost?
#
# The third private method in the table is **PSG**, which lesson 12 derives: it sees gradients of a network's weights. Here it has as many noisy sums of as many images as DP-KIP, so
# that both have the same sigma, and matches on networks of width 8; its rates are those of the course, which were found for larger batches and wider networks.
#
# Two opponents. As many **random real images**, which are not private at all: who is below them has paid dearly. And **DP-SGD** (Abadi et al., 2016), which trains a network
# on *all* members behind the same door: Carlini and others ask why one would distil at all, if a network at the same epsilon is more accurate. (A set can train any
# network, and be looked at; that is what remains to be said for it.)

# %%
lesson.say(*report.prices(records))

# %%
private = report.private(records)
against = {name: report.held_against(records, name) for name in private}
lost = [name for name, leads in against.items()
        if report.SGD in leads and leads[report.SGD].gap < 0 and leads[report.SGD].told_apart]
lesson.say(f"behind DP-SGD at the same epsilon by more than chance: {'; '.join(lost) or 'none'}")
if {"PSG, epsilon 10", "DP-KIP, epsilon 10"} <= set(records):
    lead = Lead.points(records["PSG, epsilon 10"].scores, records["DP-KIP, epsilon 10"].scores)
    lesson.say(f"PSG against DP-KIP at epsilon 10: {lead.gap:+.1f} ± {lead.error:.1f} points. {lead.verdict}")
highest = max((report.above_guessing(records[name], attack).gap for name in private for attack in report.ATTACKS),
              default=0.0)
f"of what is private, no attack reaches an area above {0.5 + highest:.4f}"

# %% [markdown]
# Two claims of *private* sets to be read with care: DP-KIP's published code begins from real training images on MNIST, which is not private at all, and it shuffles batches while it
# accounts for coins. And rates that were found by trials on private data must be paid for; those of ddkit were found on other data.

# %%
for said in presets.departures("dp_kip", "course")[:3]:
    lesson.say(f"- {said}")

# %% [markdown]
# ## Polyps
#
# Medicine is where the word "anonymous" is needed. Two hundred synthetic polyps, half of them members; five images of each class, by KIP. **Predict:** what would an
# eye say, what the nearest images, what a proof?

# %%
from ddkit.applications.federated.clients import raw_bytes
from ddkit.synthetic.budget import storage

polyps = lesson.polyps()
slides = ddkit.load(polyps.dataset, size=32)
asks = Membership(RandomReal(polyps.dataset, 2, 32), images=200, models=6)
gland, own = asks.pool(slides), asks.members(slides)[0]
clinic = replace(slides, train=Split(gland.images[own], gland.labels[own]))
shown = {"real": made("kip", 100, "real", data=clinic, ipc=5, real_batch=50),
         "noise": made("kip", 100, data=clinic, ipc=5, real_batch=50),
         "DP-KIP, epsilon 10": made("dp_kip", 100, data=clinic, ipc=5, real_batch=50)}
stages = {"KIP's real start": shown["real"].start, "KIP from real": shown["real"].images,
          "KIP from noise": shown["noise"].images, "DP-KIP, epsilon 10": shown["DP-KIP, epsilon 10"].images}
plots.image_rows(slides, stages, "Ten images of a hundred patients")

# %%
for name, images in stages.items():
    near = guess.nearest_are_members(images, gland.images[own], gland.images[~own])
    lesson.say(f"{name}: nearest is a member {near}")

# %% [markdown]
# **Think:** if a set from noise, or even a private one, is far above one half here, does it leak? A proof says no to the last. So what is wrong with the test? Look
# *which* real images are nearest:

# %%
for name, images in stages.items():
    nearest = torch.cdist(images.flatten(1), gland.images.flatten(1)).argmin(1).unique()
    lesson.say(f"{name}: {len(nearest)} different real images are nearest to one of {len(images)}")
few = torch.cdist(stages["KIP from noise"].flatten(1), gland.images.flatten(1)).argmin(1).unique()
spread = gland.images.flatten(1).std(1)
lesson.say(f"those nearest to noise have a contrast of {spread[few].mean():.2f}, all images on the average "
           f"{spread.mean():.2f}")

# %% [markdown]
# The interval takes the images of a set for independent. Images that are mostly noise all have the *same* few real images nearest, the ones of least contrast, and whether these
# happen to be members is one coin, not ten. That is why the sentences under the table above count whole sets, each made from other members.

# %%
whole, kept = raw_bytes(len(clinic.train), clinic) / 2**10, storage(shown["real"]) / 2**10
lesson.say(f"the set takes {kept:.0f} KiB, four bytes for each learned number, in place of {whole:.0f}, one for each "
           "real pixel; fewer bytes are no privacy either: ten images are ten people, if it begins from theirs")

# %% [markdown]
# "It looks like noise" is the first meaning only. Who publishes such a set should say all three: who looked, which attacks failed (with their numbers), and which epsilon was proved,
# or none.

# %%
seconds = time.process_time() - begun
f"all cells of this lesson took {seconds:.0f} s of one processor core, here and now"

# %% [markdown]
# ## What you should take away
#
# * Unrecognisable, unlinkable and differentially private are three things. The first is of eyes, the second of known attacks, the third of all attacks.
# * A real start is remembered in the pixels. Begin from noise.
# * An attack is judged over *all* members and by how many are caught when few are accused; one that fails proves nothing.
# * Whatever is computed from a private release is free. So release little, and early, and choose nothing on private data.
# * The opponents of a private set are as many random images, and DP-SGD at the same epsilon.
#
# **Questions to yourself**
#
# 1. A network trained on a private set is attacked. By how much can the attack succeed more than on the set?
# 2. LiRA's shadow models are made from the same images. Who would have those?
# 3. Which of the three meanings does a coreset have? And labels learned for real images (lesson 12)?
# 4. Why do more images per class make DP-KIP's noise larger beside its gradient?
# 5. Private statistics of two networks cost as much as those of one with more noise. How much more?
# 6. A patient asks to be taken out of a set that was distilled from noise. What is there to be taken out?
# 7. Eleven sets were tried and the best is published at epsilon 1. Which epsilon is to be said?
#
# **Go further.** `python -m ddkit membership --method METHOD` attacks any method. Put one member into the data twenty times and see whether LiRA finds it more easily.
# `--method one_release --init noise` takes more networks: which number is best at epsilon 1? Give DP-KIP two hundred thousand updates with noise for them, or more images per class, and
# look where it ends.
