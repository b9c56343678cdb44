# %% [markdown]
# # 17 · Beyond pictures: graphs, texts, and what else is no image
#
# - **Course part:** {PART}. It is for who has data of their own that are no pictures, and asks whether all this is of any use to them.
# - **You will learn** what of a method knows that data are pictures, and what does not; to turn a graph and a text into rows of numbers; why a
#   graph network without hidden layers is a kernel; what edges between synthetic nodes are good for; and how one looks at a set that cannot be seen.
# - **Before you start:** lesson 7 (kernel ridge regression). Lesson 11 has gradient matching.
# - **Time:** an hour. Small experiments run live, in seconds, on what comes with the program. Scores on public graphs and texts are reloaded if
#   their records are at hand; otherwise small ones are made.

# %% shared="colab"

# %%
import time

import ddkit  # before torch, whose threads it asks to share the processor
import numpy as np
import torch
import torch.nn.functional as F
from ddkit import exercises
from ddkit.course import lesson
from ddkit.data import SOURCES, data_root
from ddkit.foundation.errors import InputError

profile = lesson.begin()
begun = time.process_time()
for name, where in (("cora", "kimiyoung/planetoid on GitHub, folder data, into " + str(data_root() / "planetoid")),
                    ("bbc_news", 'pip install -e ".[text]"')):
    there = SOURCES[name].marks(data_root()) is not None
    lesson.say(f"{name}: at hand" if there else f"{name} is not at hand ({where}): of it only records are shown")

# %% [markdown]
# ## What knows that data are pictures?
#
# A data set was, so far, a tensor `[N, channels, height, width]`. Nothing keeps us from calling a row of $d$ numbers a picture of $1 \times d$ pixels. **Predict**,
# before you look: of these four, which must change when the numbers are no longer pixels? The *network*, the *kernel*, the *augmentation*, the
# *way to look at a set*.

# %%
must_change = None  # such as {"network", "kernel"}

changes = {"network", "augmentation", "way to look"}
lesson.answered(must_change, changes, changes | {"kernel"})

# %% [markdown]
# | | with pictures | with rows of numbers |
# |---|---|---|
# | network | convolutions: what is near is alike | none: columns have no neighbours. A graph's nodes have |
# | kernel of a fully connected network | works on flattened pixels | the same, to the letter |
# | augmentation | shifted, turned, mirrored: the same digit | turned words are nonsense |
# | how to look | show it | ask for what is near: nodes, words |
# | opponents | random real images, herding | these, and whatever people use who never heard of distillation |
#
# A kernel is no free choice either: it should know what makes two of *these* things alike. But the formula stays. Here are handwritten digits as a **graph**
# that comes with the program: each is a node, joined to the five that are most like it, and 20 of a class are labelled.

# %%
graph = ddkit.load("digits_graph")
print(f"rows {list(graph.train.images.shape)}, {len(graph.val)} to choose on, {len(graph.test)} to test on")
from ddkit.networks import sketch_for

for attempt in (lambda: sketch_for(graph, "ConvNetD3", 32), lambda: graph.augmentation("rotate")):
    try:
        attempt()
    except InputError as refused:
        lesson.say(f"refused: {refused}")

# %% [markdown]
# Which augmentation leaves a label as it is, the *data* know, not the method. So the data set says it, and what makes no sense is refused rather
# than obeyed.
#
# ## A graph becomes a table
#
# A **graph convolution** lets every node share what it knows with its neighbours, then applies weights and a ReLU. Wu et al. (2019) left the ReLUs out and
# lost little. Then all weights collapse into one matrix, and the sharing can be done once, before any training:
#
# $$H = S^2 X, \qquad S = D^{-1/2} (A + I) D^{-1/2}, \qquad \hat Y = \mathrm{softmax}(H W)$$
#
# The **adjacency** $A$ says who is joined to whom, $I$ that a node listens to itself, and $D$ (the degrees of $A + I$) that nobody is louder for having many friends. This is the **simple
# graph convolution**, SGC.
#
# **✎ For practice:** write $S^k X$.

# %% exercise="propagated-rows"
def my_rows(adjacency, rows, hops):
    """An adjacency [n, n] without a diagonal, rows [n, d], and how often neighbours share -> [n, d], all in float64."""
    ### BEGIN SOLUTION
    looped = adjacency + torch.eye(len(rows)).double()
    scale = looped.sum(1) ** -0.5
    for _ in range(hops):
        rows = scale[:, None] * (looped @ (scale[:, None] * rows))
    return rows
    ### END SOLUTION


exercises.check("propagated-rows", my_rows)

# %% [markdown]
# **Predict:** softmax regression learns from 20 labelled digits of each class. How does its accuracy depend on the hops: none, one, two, eight, a hundred?

# %%
from ddkit.data.sources.graphs.planetoid import propagated
from ddkit.training.protocols.linear import LinearProtocol, score
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph
from ddkit.data import Split

bunch = load_digits()
joined = kneighbors_graph(bunch.data, 5, metric="cosine")
joined = ((joined + joined.T) > 0).astype(float)
labelled = np.concatenate([np.flatnonzero(bunch.target == c)[:20] for c in range(10)])
rest = np.setdiff1d(np.arange(len(bunch.target)), labelled)

# %%
by_hops = {}
for hops in (0, 1, 2, 8, 100):
    rows = torch.from_numpy(propagated(sparse.csr_matrix(bunch.data), joined, hops).toarray()).float()[:, None, None]
    parts = [Split(rows[pick], torch.from_numpy(bunch.target[pick]).long())
             for pick in (labelled, rest[:500], rest[500:])]
    known = type(graph)("hops", *parts, graph.classes, (0.0,), (1.0,), "", "none", pictures=False)
    by_hops[hops] = 100 * score(known.train, known, "linear", LinearProtocol(), 0)["accuracy"]
assert by_hops[2] > by_hops[0]
print({f"{hops} hops": f"{value:.1f} %" for hops, value in by_hops.items()})

# %% [markdown]
# Unlabelled nodes help, through those who know them: that is what a graph is for. With ever more hops all nodes of a connected part become alike, up to their
# degree; it is called **over-smoothing**.
#
# ## Distil a table
#
# The rows are `[N, 1, 1, d]`, and from here on nothing needs to be new. Coresets choose rows. KIP moves them: its linear kernel $K = H H'^\top$ *is* SGC (regressed
# instead of classified), and its NTK is a network of two layers after the sharing, infinitely wide.
#
# One thing does change: there are *few* real rows. Twenty labelled nodes of a class, in thousands of numbers: any model can learn them by heart.
# **Predict:** with lesson 7's ridge of $10^{-6}$, will KIP's set be better or worse than with a ridge of 1?

# %%
from ddkit.applications.graphs import report as graph_report
from ddkit.specs import Distill, Evaluate, Full, RandomReal

JUDGE = ("validated_kernel", "NTKD0")
rows = {"all labelled nodes": Full("digits_graph"), "20 random nodes": RandomReal("digits_graph", 2)}
rows |= {f"20 nodes, KIP with ridge {ridge:g}": Distill(
    "digits_graph", "kip", ipc=2, network="NTKD0", updates=60,
    options={"ridge": ridge, "learn_labels": False, "real_batch": 200}) for ridge in (1e-6, 1.0)}
found = {name: ddkit.run(Evaluate(source, *JUDGE), quiet=True).scores for name, source in rows.items()}
for name, scores in found.items():
    print(f"{name}: {scores}, judged with a ridge chosen on validation nodes")

# %%
first, second = list(found.values())[-2:]
better = "the small ridge" if first.mean > second.mean else "the large ridge"
lesson.say(f"here {better} made the better set, by {100 * abs(first.mean - second.mean):.1f} points (one set of each, "
           "so that there is no error to this number)")

# %% [markdown]
# A node has 64 numbers here; papers on the web of citations have thousands, with fewer labels, and what was right here need not be right there. So the ridge
# is one more thing to choose on validation nodes. In what follows *every* row of a table, the opponents' too, has its strength of regularisation chosen so. (Else
# a distilled set would be praised for what a weight decay does.)
#
# ## Edges for synthetic nodes
#
# GCond (Jin et al., 2022) makes a small *graph*: synthetic nodes $X'$, and edges that are a function of the two nodes they join,
#
# $$A'_{ij} = \sigma\!\left(\tfrac12 \left(f([x'_i; x'_j]) + f([x'_j; x'_i])\right)\right), \qquad H' = S'^2 X'$$
#
# It matches gradients (lesson 11). Of SGC the gradient is a formula, so nothing is differentiated twice.
#
# **✎ For practice:** write it, of the mean cross-entropy of $\mathrm{softmax}(H W)$ in $W$. `F.one_hot(labels, classes)` has the truth.

# %% exercise="softmax-gradient"
def my_gradient(rows, labels, W):
    """Rows [n, d], labels [n], weights [d, classes] -> [d, classes]."""
    ### BEGIN SOLUTION
    return rows.T @ ((rows @ W).softmax(1) - F.one_hot(labels, W.shape[1])) / len(rows)
    ### END SOLUTION


exercises.check("softmax-gradient", my_gradient)

# %% [markdown]
# **Predict** before you go on: what can edges add, if the network is linear? Here is the thought to weigh. SGC sees of a synthetic graph nothing but $H' = S'^2 X'$. If
# some $(A', X')$ is good, then so is the set *without* edges whose rows are $H'$.

# %%
edges_can_add = None  # "accuracy that no set without edges has", or "nothing that rows could not be"

lesson.answered(edges_can_add, "nothing that rows could not be")

# %% [markdown]
# So for SGC edges are another **parameterisation** of the same rows (lesson 11's word). They may make the search easier or harder, and they may keep a few rows
# from learning the labelled nodes by heart; they cannot reach what rows cannot. Here they are, learned live:

# %%
from ddkit.applications.graphs import Condense, CondensePlan
from ddkit.applications.graphs import plots as graph_plots

live = {edged: ddkit.run(Condense("digits_graph", 2, CondensePlan(graph=edged, networks=4, edge_lr=0.01)), quiet=True)
        for edged in (True, False)}
for edged, record in live.items():
    known = ddkit.run(Evaluate(record, "linear", "linear"), quiet=True).scores
    lesson.say(f"{'GCond' if edged else 'GCond-X, without edges'}: {known}; the loss fell from "
               f"{record.result['losses'][0]:.1f} to {record.result['losses'][-1]:.1f}")
between = torch.tensor(live[True].result["edges"])
assert torch.equal(between, between.T) and not between.diagonal().any()
graph_plots.edges(between, live[True].synthetic.labels, graph.classes)

# %% [markdown]
# One more word of care. Published tables compare GCond with random nodes that were *cut out* of the graph, so that they lose all their neighbours; a real node that keeps
# its place knows more. Below, random and herded nodes keep theirs.
#
# ## Cora and Citeseer
#
# Papers on computer science, the words in them, and who cites whom; the labelled 20 of a class become 5 or 10. Sets are made from five seeds; test labels are
# seen by the last evaluation alone (a test of ddkit swaps them, and wants the same set bit by bit). **Predict:** who comes nearest to all
# labelled nodes, and how far is herding, which learns nothing?

# %%
from ddkit.training.leads import Lead

graphs = lesson.at_hand(graph_report.asked, profile)
lesson.table(graph_report.every_table(graphs, "github"))

# %%
graph_plots.accuracies(graphs)

# %%
for title, of in graphs.items():
    judged = of.get("SGC", {})
    lines = graph_report.leads(judged, "random nodes") if "random nodes" in judged else []
    if {"GCond", "GCond-X"} <= set(judged):
        lines += graph_report.leads({name: judged[name] for name in ("GCond", "GCond-X")}, "GCond-X")
    lesson.say(title, *(f"    {line}" for line in lines))
    if {"GCond", "herding"} <= set(judged):
        gap = 100 * (graph_report.pooled(judged["GCond"]).mean - graph_report.pooled(judged["herding"]).mean)
        lesson.say(f"    GCond against herding, which is one set: {gap:+.1f} points")

# %%
edged = {title: Lead.points(*(graph_report.pooled(of["SGC"][name]) for name in ("GCond", "GCond-X")))
         for title, of in graphs.items() if {"GCond", "GCond-X"} <= set(of.get("SGC", {}))}
apart = [title for title, lead in edged.items() if lead.told_apart]
if not apart:
    print("The answer on edges is a null result: nowhere is GCond told apart from GCond-X.")
else:
    lesson.say(f"GCond and GCond-X are told apart on {'; '.join(apart)}, of {len(edged)}")

# %% [markdown]
# Read that with the thought above. If they were told apart it would say something of the *search*, at these numbers of updates and at rates that were chosen once; not that
# edges know something.
#
# ## Texts
#
# A text is a sequence of words, of any length. Sucholutsky and Schonlau (2021) and Li and Li (2021) gave every word its **word vector**, learned elsewhere so that words of like
# use lie near to each other, cut or filled texts to one length, and distilled the "picture" of words × numbers. The smallest version is
# the *mean* of a text's word vectors: 50 numbers, whatever its length. **Predict:** what does such a row not know of its text?

# %%
mean_forgets = None  # "the order of the words", "which words are rare" or "the topic"

print(lesson.answered(mean_forgets, "the order of the words"))
from ddkit.data.sources.texts.words import Vocabulary, mean_vectors

toy = Vocabulary((*["filler"] * 100, "market", "striker", "goal", "shares"),
                 np.vstack([np.zeros((100, 2)), [[1, 0], [0, 1], [0.1, 0.9], [0.9, 0.2]]]).astype(np.float32))
one, other = mean_vectors(["The striker: goal, goal!", "goal striker goal"], toy)
assert (one == other).all()
f"the same row {one.round(2)} for both; nearest to it: {', '.join(toy.nearest(one[None], 2)[0])}"

# %% [markdown]
# Now articles of the BBC in five fields. Opponents: as many random articles; the herded ones; and what everybody would do first, **TF-IDF**: count words, weigh rare
# ones up, and regress. **Predict** the accuracies with *one* text of each class: random, and distilled.

# %%
from ddkit.applications.texts import report as text_report

texts = lesson.at_hand(text_report.asked, profile)
lesson.table(text_report.table(texts, "github")) if texts else print("no record of texts is at hand")

# %%
from ddkit.applications.texts import plots as text_plots

text_plots.accuracies(texts) if texts else print("nothing to draw")

# %%
for ipc, part in texts.items():
    if text_report.DISTILLED in part:
        lesson.say(f"{ipc} of each class", *(f"    {line}" for line in text_report.leads(part)))
        gap = 100 * (text_report.pooled(part["KIP"]).mean - text_report.pooled(part["herding"]).mean)
        lesson.say(f"    KIP against herding, which is one set: {gap:+.1f} points")

# %% [markdown]
# ### What does a distilled text say?
#
# Nobody can read 50 numbers. But one can ask which words lie nearest: not to the row itself, whose neighbours are "because" and "still" as in any text, but to what sets
# it apart from the mean of all rows. And one can go further, and be honest about it: *spell* the row, as ten real words whose mean comes
# near it, and score **these**. The first number is that of vectors which no text has; the second that of a text that could be sent to somebody.
# **Predict:** how much is lost?

# %%
said = lesson.at_hand(text_report.in_words, profile)
lesson.table(text_report.words_table(said, "github")) if said else print("no record of words is at hand")

# %%
for name, record in said.items():
    lost = 100 * (record.result["vectors"] - record.result["texts"])
    lesson.say(f"{name}: spelt with {record.asked.words} words each, {lost:.1f} points are lost (one set, so that "
               "there is no error to this number)")

# %% [markdown]
# ### Words in order
#
# A mean forgets the order. Keep it, and a text is a "picture" again: here its first 64 words (the commonest left out), a row of 50 numbers each, and rows of zeros where a
# text is shorter, which is called **padding**. But it is a picture of its own kind: downwards runs time, and across there is nothing to slide along. Kim's **TextCNN** (2014)
# has filters $F_k$ for three, four and five words ($w_k$) in a row, and keeps the most that each says anywhere:
#
# $$e_k = \max_t\; \max\Bigl(0,\; b_k + \sum_{i < w_k} \langle F_{k,i},\, x_{t+i} \rangle\Bigr)$$
#
# Our networks for pictures refuse such data, and this one refuses pictures. **Predict:** two texts have the same words in another order. Who tells them apart?

# %%
tells_apart = None  # "neither", "the mean", "TextCNN" or "both"

from ddkit.foundation.randomness import stream
from ddkit.networks import build

reader = build("TextCNN", 1, 2, 50, width=16, generator=stream(0, "lesson 17"))
text = torch.randn(1, 1, 64, 50, generator=stream(1, "lesson 17"))
text[:, :, 40:] = 0  # padding, behind 40 words
turned = torch.cat([text[:, :, :40].flip(2), text[:, :, 40:]], 2)
assert torch.allclose(turned.mean(2), text.mean(2), atol=1e-6)
apart = (reader(turned) - reader(text)).abs().max().item()
print(f"the same mean, and answers {apart:.2f} apart")
lesson.answered(tells_apart, "TextCNN" if apart > 0.01 else "neither")

# %% [markdown]
# A distilled text must not learn to speak where nothing was said. The network does not look at padding, so that no gradient leads there:

# %%
text.requires_grad_()
[slope] = torch.autograd.grad(reader(text)[0, 0], text)
assert not slope[:, :, 40:].any() and slope[:, :, :40].any()
inside, behind = (float(part.abs().max()) for part in slope.split((40, 24), 2))
print(f"largest slope in words {inside:.3f}, in padding {behind}")

# %% [markdown]
# The same articles, the same test part. DM (lesson 11: the classes' mean embeddings on fresh networks) and RFAD (lesson 7) distil them as they distil pictures; beside them stand the rows of before, which know
# no order. **Predict:** does order pay? With *one* text of a class: is a network on its 64 words better than a kernel on its mean?

# %%
from ddkit.applications.texts import ordered

in_order = lesson.at_hand(ordered.asked, profile)
lesson.table(ordered.table(in_order, "github")) if in_order else print("no record of texts in order is at hand")

# %%
text_plots.accuracies(in_order, ordered.TITLE) if in_order else print("nothing to draw")

# %%
for ipc, part in in_order.items():
    if ordered.DM in part:
        lesson.say(f"{ipc} of each class", *(f"    {line}" for line in ordered.leads(part)))

# %% [markdown]
# Mind what differs between the rows: a mean is of *all* words of an article, and a kernel answers; in order there are 64 words, and a small network. So who is ahead of whom
# is no verdict on order alone. What is beside DM and RFAD in all but the texts themselves are random and herded texts in order.
#
# ### What do they say?
#
# A distilled text is 64 rows, and none of them is a word any more. The honest number is that of the text that one could *write down*: every row is replaced by the word nearest to it, and
# new networks are trained on these words. **Predict:** what is left of what distillation brought? *Hint:* how far must a row move until another word is nearest?

# %%
reread = {ipc: found for ipc, part in in_order.items() if (found := ordered.reread(part))}
lesson.table(ordered.moved_table(next(iter(reread.values())), "github")) if reread else print("nothing to read")

# %%
for ipc, of in reread.items():
    for method, records in of.items():
        said, rows = text_report.pooled(records), text_report.pooled(in_order[ipc][method])
        kept = np.mean([100 * record.result["kept"] for record in records.values()])
        beside = Lead.points(said, text_report.pooled(in_order[ipc][ordered.RANDOM]))
        if kept > 95:  # nearly all: then what is scored are real texts
            verdict = "As nearly all are, this compares its starts with other draws of real texts."
        else:
            verdict = beside.verdict
        lesson.say(f"{ipc} of each class, {method}: {100 * rows.mean:.1f} % by its rows, {100 * said.mean:.1f} % by "
                   f"words, {kept:.0f} % of which are those it began with; these are {beside.gap:+.1f} points beside "
                   f"random texts. {verdict}")

# %% [markdown]
# ## Spoken digits: a sound as a picture
#
# A sound is a long row of numbers, here 8,000 in a second. What one hears in it are tones that come and go. A **spectrogram** shows them: a window
# $w$ slides over the sound $x$, and of what is under it at time $t$ a Fourier transform says how strong each tone $f$ is,
#
# $$S(f, t) = \sum_n w(n - t)\, x(n)\, e^{-2 \pi i f n}, \qquad \text{brightness:} \quad 20 \log_{10} |S(f, t)|$$
#
# in decibels below the loudest place. Here is a sound that nobody spoke: a tone that rises for half a second.

# %%
from ddkit import plots
from ddkit.data.sound.spectrograms import RATE, SAMPLES, griffin_lim, heard, pictures, stft

instants = torch.arange(SAMPLES) / RATE  # in seconds
rising = torch.sin(2 * torch.pi * (400 * instants + 1500 * instants**2)) * torch.hann_window(SAMPLES)  # soft ends
[shown] = pictures(rising[None])
f"{SAMPLES:,} numbers became {shown.shape[-2]} x {shown.shape[-1]} pixels"

# %% [markdown]
# **Predict:** 32 rows share out the tones from 0 (at the bottom) to 4,000 hertz. In which row, counted from 0 at the bottom, does a tone of 1,100 hertz stand?

# %%
row_of_tone = None

tone = torch.sin(2 * torch.pi * 1100 * instants)
brightest = 31 - int(pictures(tone[None])[0, 0, :, 16].argmax())  # images are stored from the top
lesson.answered(row_of_tone, brightest)

# %% [markdown]
# ### What may be done to it
#
# Siamese augmentation turns, shifts, scales and mirrors pictures of digits: a digit that is turned a little is the same digit. **Predict** for each of the next
# pictures what the sound has become.

# %%
from ddkit.data import augment

scale = ddkit.load("digits")  # whose scale of brightness is borrowed
sound, far = (shown[None] - scale.mean[0]) / scale.std[0], torch.tensor([[0.95, 0.05, 0.5, 0.5]])
done = {"as it is": sound, "flip": sound.flip(-1)} | {
    name: augment.apply(sound, augment.Draw(name, far)) for name in ("rotate", "crop", "slide", "stretch")}
plots.captioned(scale, torch.cat(list(done.values())), list(done), "Time to the right, high tones above", columns=6)

# %% [markdown]
# Mirrored, it *falls*: another sound. Turned, it rises at another speed. Cropped upwards or downwards, it is spoken by somebody with a higher or a deeper voice. A shift
# along time (slide) and a scaling by a few percent (stretch) are what differs from one speaking to the next. So the strategy belongs to the *data*, and a method that
# asks for another is refused:

# %%
from dataclasses import replace
from ddkit.foundation.errors import InputError

spoken = ddkit.data.SOURCES["spoken_digits"]
print(f"the strategy of spoken digits: {spoken.strategy}")
refused = ""
try:
    replace(scale, name="spoken_digits", strategy=spoken.strategy, pictures=False).augmentation("crop_scale_rotate")
except InputError as error:
    refused = str(error)
assert "no pictures" in refused
lesson.say(refused)

# %% [markdown]
# ### And back again
#
# A picture of a sound can be heard, if one finds the phases that the brightness leaves out. Griffin and Lim (1984): take any phases, go to the sound and back, keep the
# phases that came back, put the wanted strengths in again, repeat. (The code has the fast variant of Perraudin, Balazs and Søndergaard, 2013: phases go on by 0.99 of what the last round changed.) **Predict:**
# how far from the wanted strengths is the sound after 1, 10 and 100 rounds?

# %%
wanted = stft(rising).abs()
for rounds in (1, 10, 100):
    again = stft(griffin_lim(wanted, steps=rounds)).abs()
    away = float((again - wanted).norm() / wanted.norm())
    print(f"after {rounds:3} rounds: {100 * away:.1f} % away")
assert away < 0.1

# %%
from IPython.display import Audio, display

for name in ("as it is", "flip", "rotate"):
    pixels = (done[name][0] * scale.std[0] + scale.mean[0]).clamp(0, 1)
    print(name)
    display(Audio(heard(pixels).numpy(), rate=RATE))

# %% [markdown]
# ### Ten sounds for 2,430
#
# The Free Spoken Digit Dataset (CC BY-SA 4.0): the ten digits, fifty times each by six speakers. Everything else is as it was: KIP, DataDAM, herding and the protocols know
# nothing of sounds. **Predict**, for one sound per class: which is best before an MLP? And before KIP's own kernel, an infinitely wide MLP?

# %%
from ddkit.applications.spoken_digits import report as spoken_report

records = {split: {name: found for name, spec in rows.items() if (found := ddkit.find(spec))}
           for split, rows in spoken_report.asked().items()}
records = {split: found for split, found in records.items() if found}
missing = ("no such record is at hand: put recordings.zip of Jakobovski/free-spoken-digit-dataset into the data "
           "folder's spoken_digits, and ddkit.run what spoken_report.asked() names")
lesson.table(spoken_report.table(records, "github")) if records else missing

# %%
for split, of in records.items():
    for ipc in spoken_report.IPCS:
        for name in spoken_report.sources(split, ipc):
            if name != spoken_report.RANDOM and spoken_report.row(name, ipc) in of:
                lead = spoken_report.lead(of, name, ipc)
                lesson.say(f"{spoken_report.SPLITS[split]}, {ipc} per class: {name} {lead.gap:+.1f} ± "
                           f"{lead.error:.1f} points beside random real sounds. {lead.verdict}")

# %% [markdown]
# What a set says to the kernel that it was distilled with, and what it says to a network that is trained on it, are two numbers. A paper on kernels reports the one, and who
# trains a network gets the other:

# %%
for split, of in records.items():
    for ipc in spoken_report.IPCS:
        judged = [of.get(spoken_report.row("KIP", ipc, judge)) for judge in ("", spoken_report.KERNEL)]
        if all(judged):
            network, kernel = (100 * record.scores.mean for record in judged)
            lesson.say(f"{spoken_report.SPLITS[split]}, KIP, {ipc} per class: {kernel:.1f} % before its kernel, "
                       f"{network:.1f} % before MLPs")

# %% [markdown]
# Compare the lines for one sound per class with those for ten: what a kernel gains from more, networks need not gain. (Labels are learned as well, and belong to the kernel as the sounds do.)
#
# What do ten sounds look like that teach all others? Real ones, what DataDAM and what KIP made of them, and, to be heard, a real "seven" and KIP's.

# %%
made = {name: record.synthetic for name, spec in spoken_report.sources(spoken_report.OFFICIAL, 1).items()
        if name in ("KIP", "DataDAM") and (record := ddkit.find(spec))}
looks = {"start of both": made["KIP"].start[:8]} if made else {}
looks |= {name: one.images[:8] for name, one in made.items()}
plots.image_rows(next(iter(made.values())), looks, "Sets of one sound per class, digits 0 to 7") if made else missing

# %%
if "KIP" in made:
    for label, images in (("its start", made["KIP"].start), ("distilled", made["KIP"].images)):
        print(f"seven, {label}")
        display(Audio(heard(made["KIP"].pixels(images)[7]).numpy(), rate=RATE))

# %% [markdown]
# ### A new voice
#
# The official test part has the *same six voices* as the training part. **Predict:** how many points does full data lose if the tested voice was in nothing that was learned
# from? Do sets of ten sounds lose as much?

# %%
both = [records.get(split, {}) for split in spoken_report.SPLITS]
for name in [name for name in both[0] if name in both[1]]:
    known, new = (100 * of[name].scores.mean for of in both)
    lesson.say(f"{name}: {known:.1f} % for voices that were heard, {new:.1f} % for a new one")

# %% [markdown]
# The new voice is *one* speaker's, so these differences have no standard error over speakers, whatever n says of networks. Which split a paper took is the first thing to look up: a
# random split of recordings answers a question that hardly anybody has.
#
# ## Recommenders: users without pictures or labels
#
# Now the data are a table of users and items, with a one wherever a user had to do with an item. There are no classes; what is asked is which *further* items a user will like.
# To answer by what users alike have liked is called **collaborative filtering**. The ratings here are drawn by a program: 300 users with two tastes each.

# %%
from ddkit.applications.recommenders import metrics, models, ratings

tastes = ratings.read("tastes")
parts = ratings.split(tastes.events, seed=0)
train = parts.train.double()
held = parts.val | parts.test
assert not (parts.train & held).any()
users, items = tastes.events.shape
f"{users} users, {items} items, {int(tastes.events.sum()):,} events, of which {int(held.sum()):,} are held out"

# %% [markdown]
# An **autoencoder** of infinite width is fitted to the users' rows $R$ and predicts each row from itself; what it gives beyond the ones that were there are recommendations. Its
# training has the closed form of lesson 7, with rows in the place of images and of labels (the infinity-AE of Sachdeva et al., 2022):
#
# $$\hat R = K(R, R_S)\, \bigl(K(R_S, R_S) + \lambda\, \tfrac{\mathrm{tr}\, K}{m} I\bigr)^{-1} R_S$$
#
# for $m$ users $R_S$ that it learned from, here all.

# %%
kernel = models.KERNEL(train, train)
ridged = kernel + 1.0 * kernel.diagonal().mean() * torch.eye(len(train))
by_hand = kernel @ torch.linalg.solve(ridged, train)
assert torch.allclose(by_hand, models.infinite(train, train, ridge=1.0))
for ridge in (0.001, 0.1, 1, 10):
    found = metrics.measured(models.infinite(train, train, ridge), parts.train, parts.val)
    ndcg, hits = (100 * found[measure] for measure in ("ndcg", "hits"))
    print(f"lambda {ridge:g}: nDCG@10 {ndcg:.1f} %, HR@10 {hits:.1f} % on validation events")

# %% [markdown]
# (**HR@10**: the items held out for a user that stand among the first ten of the user's list, which leaves out what the user knows, as a share of as many as could: ten, or all held out. **nDCG@10** counts a hit at rank $r$ as $1 / \log_2(r + 1)$, over the best
# possible sum.) **Predict:** why is a tiny $\lambda$ bad here, when in lesson 7 it was the rule? *Hint:* what does $\hat R$ become for $\lambda \to 0$?
#
# ### Fake users
#
# An autoencoder fitted to all users needs all users: to keep, and to invert a matrix of. Can fifty stand for them? A user's row is of zeros and ones, and has no gradient. Distill-CF (the same
# paper) learns *logits* $\Omega$, and draws from them without deciding, by Gumbel's trick:
#
# $$R_S = \min\Bigl(1, \sum_{g=1}^{\gamma} \mathrm{softmax}\bigl((\Omega + G_g) / \tau\bigr)\Bigr)$$

# %%
from ddkit.applications.recommenders import fakes

logits = 12 * train[:1].float()  # as a real user
for temperature in (0.01, 1.0, 4.0):
    row = fakes.events(logits, draws=20, tau=temperature, noise=(0, "lesson"))[0]
    print(f"tau {temperature:g}: {int((row > 0.5).sum())} items above a half, {float(row.sum()):.1f} in all; "
          f"on the user's own items {float(row[parts.train[0]].sum()):.1f}")

# %% [markdown]
# The loss is that of the real users' rows, predicted from fake ones; its gradient goes through the kernel, the inverse and all draws. (The draws are not kept for it: they are drawn *again* in the
# backward pass, from the same stream, so that memory does not grow with $\gamma$.) A run, here and now, with its opponents:

# %%
from ddkit.applications.recommenders import plots as recommender_plots
from ddkit.applications.recommenders import report as recommender_report
from ddkit.course.profiles import profile as profile_of

small = recommender_report.asked(profile_of("quick"))
few = {name: ddkit.run(spec, quiet=True) for name, spec in small.items()}
lesson.table(recommender_report.table(few, "github"))

# %% [markdown]
# ### Films
#
# And with real people: MovieLens' ml-100k, 943 users and 1,682 films. Its licence forbids passing it on, so that nothing of it stands here but scores, and whoever wants to run it fetches it: `pip download
# --no-deps recbole -d data/ml-100k`. **Predict:** 50 learned users, as a share of what all users give? And the 50 most active users, who know most films: better or worse than random ones?

# %%
films = lesson.at_hand(recommender_report.asked, profile)
lesson.table(recommender_report.table(films, "github"))

# %%
recommender_plots.ndcg(films)

# %%
everybody = films[recommender_report.ALL]
for name, record in films.items():
    if record.asked.who in ("fake", "ease"):
        share, lead = recommender_report.share(record, everybody), recommender_report.lead(record, everybody)
        goal = "" if record.asked.who == "ease" else f", {recommender_report.goal(share)}"
        lesson.say(f"{name}: {100 * share.mean:.1f} ± {100 * share.interval:.1f} % (half the 95 % interval) of what "
                   f"all users give{goal}; {lead.gap:+.1f} ± {lead.error:.1f} points (standard error). {lead.verdict}")

# %%
for name, record in films.items():
    if record.asked.who in ("fake", "active"):
        lead = recommender_report.lead(record, films[recommender_report.few("random", record.asked.number)])
        assert record.asked.who == "active" or lead.gap > 0
        lesson.say(f"{name}: {lead.gap:+.1f} ± {lead.error:.1f} points beside as many random ones. {lead.verdict}")

# %% [markdown]
# (How users are learned, draws, temperature, rate and ridge, was chosen on validation events of two splits; the test score of a first choice had been seen before.)
#
# Two things to see. A few users that nobody is recommend better than as many real ones; and who knows most is not the best one to learn from, if all such know the same films. And EASE, a
# linear model with a formula of one line, is what a recommender has to be compared with. A table without that row would have told another story.

# %% [markdown]
# ## How long it took

# %%
seconds = time.process_time() - begun
f"all cells of this lesson took {seconds:.0f} s of one processor core, here and now"

# %% [markdown]
# ## What you should take away
#
# * A method that only asks for numbers and labels does not know that data are pictures. Networks, augmentation and your eyes do.
# * A graph whose neighbours have shared is a table; a linear kernel on it is a graph network without hidden layers.
# * With few real rows regularisation decides. Choose it on validation data, for *every* row of a table.
# * To a linear network, edges between synthetic nodes are a parameterisation, not knowledge.
# * An opponent must keep what it has: real nodes their neighbours, texts their words.
# * What cannot be seen can be read in its neighbours; and what is read should be scored again as what it says.
# * A spectrogram is a picture with axes of its own: what may be done to it, the data say. And it can be heard again.
# * Who will meet new speakers must be tested on a new speaker; a random split of recordings answers another question.
# * Users can be learned as images can. Beside them belong as many real ones, and a closed form on all.
#
# **Questions to yourself**
#
# 1. Which numbers would you change in a table of ten measurements, so that a label surely stays?
# 2. The rows of all nodes contain what test nodes say (not their labels). Is that cheating? When would it be?
# 3. A set of 35 rows was made with two hops. What happens to it when a new paper joins the graph?
# 4. Why do edges begin weak here, and what would rows look like if all began at one half?
# 5. GCond is judged with the network whose gradients it matched. What would you ask for beside?
# 6. Word vectors were learned from billions of words. Does "one text of each class" tell what the classifier has seen?
# 7. Twice the same article stood in the data. What would have become of the test score?
# 8. There are six speakers. How would you get a standard error over speakers?
# 9. May learned users be passed on where real ones may not? What would you have to show?
# 10. Learning fifty users takes longer than inverting the matrix of all. When does it pay nevertheless?
#
# **Go further.** `python -m ddkit condense --dataset cora --figure FOLDER` condenses a graph, `python -m ddkit texts --ipc 1` distils texts and reads them. Give GCond a
# network with a hidden layer, whose gradient is no longer such a short formula, and see whether edges matter then. `python -m ddkit texts --in-order` keeps the order of
# words; what would you change so that a distilled row *stays* near to a word? Or take a table of your own: a source is one file (`CONTRIBUTING.md`, "A data set"). `python -m ddkit distill --dataset
# spoken_digits --method rfad` distils sounds by another method, `python -m ddkit recommend --number 10,50,200` learns users.
