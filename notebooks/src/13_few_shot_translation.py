# %% [markdown]
# # 13 · Few-shot distillation: one network, and a translator
#
# - **Course part:** {PART}. It is for who wants to see how a claim of a paper that nobody has repeated is put to the test.
# - **You will learn** why a set that is distilled in one network serves that network alone; how to distil without looking at a real image
#   twice; what a translator learned from letters can do for digits; and to compare methods by how many networks met the data.
# - **Before you start:** lesson 7 (kernel ridge regression), of which everything here is made.
# - **Time:** an hour. The gap and all small experiments run live, in about a minute of one processor core. The comparison on real data is
#   reloaded if its records are at hand; otherwise a small one is made on digits.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import methods, plots
from ddkit.applications.few_shot import course, plots as few_plots, report
from ddkit.applications.few_shot.arms import IDENTITY, PIXELS, PRETRAINED
from ddkit.course import lesson
from ddkit.course.demonstrations import through_training
from ddkit.foundation.randomness import stream

profile = lesson.begin()
plan, records = course.compared(profile)
learned = next(iter(plan.translators.values()))
lesson.say(f"compared here: {plan.target.dataset}, with networks of width {learned.plan.width}")

# %% [markdown]
# ## The gap
#
# RFAD and FRePo (lesson 7) meet thousands of random networks, so that the set does not settle for any one of them. That is what they spend
# their time on. What if we took **one** random network, for ever? Then the real images have to be looked at only once, as you will see, and
# a set is there in seconds.
#
# **Predict** two numbers for a set that is distilled in one network: how accurate is regression on it in *that* network's features, and in those
# of eight others, drawn from the same distribution?

# %%
from dataclasses import replace

data = ddkit.load(plan.target.dataset, size=plan.target.size)
asked = plan.largest
longest = asked.inner_updates
on_the_way = course.gap(asked, data, (0, longest // 10, longest))
few_plots.own_and_fresh(on_the_way, f"{data.name}, {asked.ipc} per class: its own network, and all others")

# %%
own, fresh = on_the_way[f"{longest} updates"]
begun = on_the_way["the start"][1]
gap = 100 * (own.mean - fresh.mean)
assert own.mean > fresh.mean
reached = (fresh.mean - begun.mean) / (own.mean - on_the_way["the start"][0].mean)
lesson.say(f"in its own network {100 * own.mean:.1f} %, in fresh ones, each alone, {fresh}: a gap of {gap:.1f} points",
           f"of what it gains on its way in its own network, {100 * reached:.0f} % reaches the others")

# %% [markdown]
# The set has learned one network by heart. Liu and Wang (ICCV 2023) ask: could something move such a set to where it serves *all* networks, without
# meeting them on these data? They train a **translator**, a small network from images to images, once, on other data. Nobody has released
# a code for it, and nobody outside has confirmed its tables, as far as we could find. So this lesson builds the machine, and an honest test.
#
# ## One look at the real images
#
# While the network stays, its features $F$ of the real images, with targets $Y$, enter the loss of the regression weights $w$ through three things alone:
#
# $$\tfrac1n \lVert F w - Y \rVert^2 = \operatorname{tr}(w^\top A w) - 2 \operatorname{tr}(w^\top B) + c, \qquad
# A = \tfrac1n F^\top F, \quad B = \tfrac1n F^\top Y, \quad c = \tfrac1n \lVert Y \rVert^2$$
#
# **Predict:** how large are $A$, $B$ and $c$ for all training images, next to the images themselves?

# %%
from ddkit.methods.translation.regression import Statistics, centred, features

fixed = learned.plan.fixed_network(data)
few, targets = data.train.images[:600], centred(data.train.labels[:600], len(data.classes))
summed = Statistics.of(fixed, few, targets)
rows, w = features(fixed, few), torch.randn(len(summed.second), len(data.classes), generator=stream(0, "w")).double()
by_hand = (rows @ w - targets.double()).square().sum(1).mean()
assert abs(summed.loss(w) / by_hand - 1) < 1e-10
kept = sum(part.numel() * part.element_size() for part in (summed.second, summed.cross, summed.constant))
lesson.say(f"the same loss to 10 digits; kept are {kept / 2**20:.2f} MiB, whatever the number of images, which take "
           f"{data.train.images.nbytes / 2**20:.0f} MiB here")

# %% [markdown]
# So an update of the set in the one network costs no real image at all, and sees *all* of them. That is the whole reason for one network.
#
# ## What a translator could do
#
# Why should there be a map from what is good in one network to what is good in another, that does not depend on the data? The paper's first
# proposition is a case where there is. Let features be linear: $F = X \theta$, with $\theta$ of full rank, and let $w$ be right: $X \theta w = Y$. In another
# space $\theta^*$ the right weights are $\theta^{*\dagger} \theta\, w$: a matrix that knows both spaces, and nothing of $X$.

# %%
def drawn(*shape, name):
    return torch.randn(*shape, generator=stream(0, name), dtype=torch.float64)


theta, better, w = drawn(4, 6, name="theta"), drawn(4, 7, name="better"), drawn(6, 2, name="w")
move = torch.linalg.pinv(better) @ theta
narrow = drawn(4, 2, name="narrow") @ drawn(2, 7, name="wide")  # a space that has lost two of four directions
for images in (drawn(9, 4, name="some"), drawn(12, 4, name="others")):
    apart = (images @ better @ (move @ w) - images @ theta @ w).abs().max()
    lost = (images @ narrow @ torch.linalg.pinv(narrow) @ theta @ w - images @ theta @ w).abs().max()
    assert apart < 1e-10 < 1e-2 < lost
    lesson.say(f"{len(images)} images: wrong by {apart:.0e} with one and the same matrix; in a space of lower rank "
               f"by {lost:.1f}")

# %% [markdown]
# It says nothing of ReLU, of a loss that is not zero, or of *images*. It is a reason to try, no proof.
#
# ## Learn it on other data
#
# Letters, drawn by a program from the fonts that matplotlib brings along, with no digit among them. (Some look like digits: O, l, S; of that later.) From
# many small choices of letters, small sets are distilled in the one network. The translator $G_\omega$ then learns to make them good for
# *fresh* networks, judged by other images of the same letters. No gradient goes through the distillation:
#
# $$\omega \leftarrow \omega - \eta\, \nabla_\omega L(G_\omega(S'); \theta', T), \qquad \theta' \text{ fresh in every step}$$

# %%
letters = ddkit.load("glyphs", size=learned.size)
shown = torch.cat([letters.train.of_class(c)[:1] for c in range(0, len(letters.classes), 4)])
named = list(letters.classes)[::4]
plots.captioned(letters, shown, named, "Letters to learn from, each drawn under a map of its own", columns=10)

# %%
from ddkit.methods.translation.trying import told

pretrained = course.pretrained(plan)
for name, record in pretrained.items():
    weights, how = sum(part.numel() for part in record.weights.values()), record.asked.plan
    lesson.say(f"on {name}: {len(record.result['classes'])} classes, {weights:,} weights; its {how.subsets} subsets, "
               f"of {how.fewest_classes} to {how.most_classes} classes with up to {how.most_ipc} images each, took "
               f"{record.result['subset_seconds']:.0f} s, its {how.steps:,} steps "
               f"{record.result['training_seconds']:.0f} s")
few_plots.pretraining_curve(pretrained, "A translator learns")

# %% [markdown]
# ## The gate
#
# A translator that fails on letters it has not seen need not be tried on digits. **Predict:** on classes that were held out, in networks that nobody
# has met, does it lower the loss? Two numbers would be a cheap rival: the best contrast and blur for all images alike.

# %%
for name, record in pretrained.items():
    lesson.say(f"on {name}, not adapted: {told(record.result)}")

# %% [markdown]
# A fair rival may also meet fresh networks. So: the same translator, not pre-trained (it begins as the **identity**), and no translator at all
# (**pixels**), each adapted for $k$ steps in $k$ fresh networks, the same for all, at a rate that was chosen for each on validation images.

# %%
gate = course.gate(plan)
lesson.say(*str(report.Gate.of(gate)).splitlines())
lesson.table(report.table(gate, "github"))

# %% [markdown]
# ## Real data
#
# Now the target. All arms begin with the same set, from the same real images, distilled in the one network. With $k$ further networks they
# make $k$ steps; so the **number of networks that met the target** is $1 + k$, and it stands beside every score. (The paper says "a single network" and
# meets 1,001 of them.)
#
# Nothing here is full scale: the networks are narrow, a translator learned for minutes on letters rather than for days on photographs, and rates were chosen on
# one further set. What is compared with pixels and identity is compared fairly; what a larger pre-training would do, it cannot say. (Nor, where there are
# two pre-trainings, which data are the better ones to learn from: their subsets and steps were not as many, see above.)
#
# **Predict** before you look, for the fewest images per class: from which number of networks on is the translator pre-trained on glyphs no longer more
# accurate than **pixels**, by more than chance? (At one network, pixels are the set as it is.) Write it down.

# %%
switches_at = None  # a number of networks, or "never"

lesson.table("\n\n".join(f"**{ipc} per class**\n\n{report.table(found, 'github')}"
                         for ipc, found in records.items()))

# %%
panels = {f"{ipc} per class": found for ipc, found in records.items()}
few_plots.against_networks(panels, f"{plan.target.dataset}: accuracy against networks met")

# %%
lesson.table("\n\n".join(f"**{panel}**\n\n{report.leads(found, 'github')}" for panel, found in panels.items()))

# %%
for ipc, found in records.items():
    for name in report.pretrained_in(found):
        for measure in (report.ACCURACY, report.LOSS):
            lesson.say(f"{ipc} per class, {report.ahead(found, name, measure)}")
first = records[min(records)]
level = report.level_from(first, report.pretrained_in(first)[0])
lesson.answered(switches_at, level or "never")

# %%
everywhere = sum(one.name == PIXELS for found in panels.values() for one in report.rows(found))
behind = {(panel, one.met): lead for panel, found in panels.items() for one in report.rows(found) if one.name == PIXELS
          for lead in [report.best_lead(found, one)] if lead.gap > 0 and lead.told_apart}
for (panel, met), lead in behind.items():
    lesson.say(f"{panel}, {met} networks: pixels are {lead.gap:.1f} ± {lead.error:.1f} points ahead of the best "
               f"translator (n = {lead.seeds[0]})")
if behind:
    lesson.say(f"So the paper's headline is not seen here: at {len(behind)} of {everywhere} numbers of networks moving "
               "the pixels at a good rate is ahead of moving a translator; at the others nobody leads by more than "
               "chance gives, or a translator does.")
else:
    lesson.say("Nowhere here are pixels ahead of the best translator by more than chance.")

# %% [markdown]
# Loss and accuracy need not agree. The loss is what the translator was trained for, and has far less noise; the accuracy is what anybody wants. Leads in
# loss (more is better):

# %%
lesson.table("\n\n".join(f"**{panel}**\n\n{report.leads(found, 'github', report.LOSS)}"
                         for panel, found in panels.items()))

# %% [markdown]
# Regression in random features is what all of these sets were made for. Networks that are **trained** on the sets, by the standard protocol, are
# another judge; leads in points of their accuracy:

# %%
trained = {panel: found for panel, found in panels.items() if report.has_trained(found)}
lesson.table("\n\n".join(f"**{panel}**\n\n{report.leads(found, 'github', report.TRAINED)}"
                         for panel, found in trained.items()) or "*No networks were trained on these sets.*")

# %% [markdown]
# Each arm had its own rate, from one grid. **Predict:** at which would pixels have been no rival?

# %%
grid = first["glyphs"].asked.rates
for arm in (PIXELS, IDENTITY, PRETRAINED):
    losses = course.by_rate(first["glyphs"], arm)
    best = min(losses, key=losses.get)
    edge = " (the end of the grid: a larger one might be better still)" if best == grid[-1] else ""
    lesson.say(f"{arm}: {', '.join(f'{loss:.3f} at {rate:g}' for rate, loss in losses.items())}; best {best:g}{edge}")

# %% [markdown]
# These are the losses on validation images after the most steps, by rate. **A baseline at its rival's rate is a straw man**, and many a lead in this field has
# been one: the paper presumably moved pixels of its baseline at the rate of its own inner updates, 0.001.
#
# ### The same against time
#
# A step of a translator also costs more than one of pixels. **Predict:** does the picture change if time is counted in place of networks?

# %%
few_plots.against_seconds(panels, f"{plan.target.dataset}: accuracy against seconds")

# %% [markdown]
# Pre-training is not in it: it is paid once, and repaid over many targets, if it saves anything on each. After how many targets is it repaid, if pixels
# are to become as accurate in the seconds that they need for it? (Never, where it gains nothing that could be told from chance, or pixels are there as soon.)

# %%
for panel, found in panels.items():
    for name in report.pretrained_in(found):
        repaid = {met: after for met, after in report.break_even(found, name).items() if after is not None}
        after = "; ".join(f"by {met} networks met, after {targets:,.0f} targets" for met, targets in repaid.items())
        lesson.say(f"{panel}, {name}: repaid {after or 'never, by any number of networks met'}")

# %% [markdown]
# ## Four claims
#
# One translator is said to serve other data, other numbers of images and of classes, and other networks. Each is a row: as it is, not adapted, against
# the set of the one network. (It is fully convolutional, so other sizes cost nothing. Other networks stand in the large tables, as *by* ....)

# %%
claims = course.claims(plan)
tried = next(iter(claims.values())).asked
on = ", ".join(sorted({record.asked.dataset for record in claims.values()}))
lesson.say(f"a translator for networks of width {tried.pretraining.plan.width}, on {on}")
lesson.table(report.alone(claims, "github"))

# %%
told_apart = {name: report.lead(*report.translated(record)) for name, record in claims.items()}
good = [name for name, lead in told_apart.items() if lead.gap > 0 and lead.told_apart]
lesson.say(f"more accurate than the one network's set by more than chance: {', '.join(good) or 'nowhere'}",
           f"not: {', '.join(name for name in told_apart if name not in good) or 'none'}")

# %% [markdown]
# ## What does it change?
#
# The paper's picture suggests tone: contrast and brightness. **Predict:** of all that the translator changes in the pixels, which share could
# three numbers do, the same for all images: so much contrast, so much blur, so much brightness?

# %%
at_work = course.Distilled.of(replace(asked, ipc=min(plan.comparisons)), data)
translator = learned.plan.untrained(data, stream(0, "translator"))
translator.load_state_dict(next(iter(pretrained.values())).weights)
with torch.no_grad():
    translated = translator(at_work.images)
toned, share = course.toned(at_work.images, translated)
moved = (translated - at_work.images).norm() / at_work.images.norm()
lesson.say(f"it moves the images by {moved:.2f} of their length; three numbers explain {100 * share:.0f} % of the "
           "squared change")

# %%
change = through_training.as_grey(data, (at_work.images - translated).flatten(1))  # white: became brighter
rows = {"one network": at_work.images, "nearest tone": toned, "translated": translated, "what changed": change}
plots.image_rows(data, rows, "What a translator changes: tone, or strokes?")

# %%
for name, images in {"one network": at_work.images, "nearest tone": toned, "translated": translated}.items():
    found = at_work.judged(images)
    lesson.say(f"{name}: {100 * found['accuracy']:.1f} % in fresh networks, loss {found['loss']:.4f}")

# %% [markdown]
# (White: became brighter; mid-grey: is as it was.) Networks with instance norm do not see contrast, so that of tone only blur can help here. The rest is
# something else: strokes, their edges, or grain. Which do you see?
#
# ## Where one would look next
#
# If the answer above disappoints: is it the method, or how the translator was trained? These variants were judged on *validation* images, not adapted; none of
# them was chosen by a test score.

# %%
variants = course.variants(plan)
lesson.table(report.alone(variants, "github") if variants else
             "*No record of a variant is at hand.*")

# %% [markdown]
# All but the first were pre-trained for a shorter time; those below the second differ from the second in one thing. **Predict:** which one is ahead of it?

# %%
short = variants.get(course.SHORT)
for name, record in variants.items():
    if short and name != course.SHORT:
        over = report.lead(report.translated(record)[0], report.translated(short)[0], report.LOSS)
        lesson.say(f"{name}: {over.gap:+.4f} ± {over.error:.4f} less loss than {course.SHORT}. {over.verdict}")

# %% [markdown]
# Where the preset departs from the paper, in its own words:

# %%
lesson.say(*(f"- {sentence}" for sentence in methods.get("translative").PRESETS["laptop"].departures))

# %% [markdown]
# ## What you should take away
#
# * A set distilled in one network is excellent there, and much worse in any other that stands alone. Look at what *judges*: several fresh
#   networks together are milder.
# * While the network stays, all real images are three matrices.
# * Count what met the data. "One network" may mean a thousand and one.
# * Judge a part where it must work (held-out letters) before you judge the whole.
# * A rival gets its own rate, from the same grid, on validation images. Without that, a lead says nothing.
# * A pre-training is repaid over many targets, or not at all: say after how many.
#
# **Questions to yourself**
#
# 1. Why does the own network's accuracy say nothing of how good the set is? What else in this course was judged by what made it?
# 2. $A$ has a row and a column for each feature. At which width does it become larger than MNIST?
# 3. Which assumption of the proposition fails first for a ConvNet with ReLU?
# 4. The translator sees no label. What can it not do, then, that moving pixels can?
# 5. Identity and pre-trained meet the same networks and have the same weights to learn. What is the only difference, and what is it worth here?
# 6. Rates were chosen on one further set for each arm. Whom does that favour, if anybody?
# 7. What would you have to see to believe that a translator from photographs serves medical images?
#
# **Go further.** `python -m ddkit pretrain` makes a translator of your own, and `python -m ddkit fewshot --pretrained DIR` compares it. Leave out the letters that
# look like digits (`--left-out`). Learn from clothes (`fashion_mnist`). Pre-train for an hour in place of minutes, and in sixteen networks a step. Take width
# 32 and a thousand networks. Does any of it move the point where pixels pass?
