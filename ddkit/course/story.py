"""What the lessons tell together: the families of methods, and the words of the field."""

from tabulate import tabulate

# The surveys' four families: name, what is asked of the synthetic set, and methods with the lesson that shows them.
FAMILIES = (
    ("a\nmeta-loss", "the loss of a model trained\non the set, on real data",
     (("KIP", 7), ("RFAD", 7), ("FRePo", 7), ("DD", 12))),
    ("b\ngradients\nand trajectories", "training on the set moves\nweights as real data do",
     (("MTT", 6), ("DATM", 6), ("PAD", 6), ("DC, DSA, DCC", 11))),
    ("c\ndistributions\nand features", "networks see the same\nin the set as in real data",
     (("DataDAM", 2), ("DM, CAFE", 11), ("NCFM", 11))),
    ("d\nparameterisation", "the set is stored as something\nsmaller than its pixels",
     (("IDC", 11), ("RTP", 11), ("FreD", 11), ("HaBa", 11))),
)

# Each term with its meaning and the lesson that introduces it.
GLOSSARY = {
    "adjacency": ("who is joined to whom in a graph, as a matrix", 17),
    "adversarial example": ("an image changed so little that an eye would not mind, and so that a network errs", 16),
    "attention map": ("where a network looks: a block's feature maps, summed over the channels, of norm one", 2),
    "backdoor": ("a trigger that was taught with the data: what carries it is called by the trigger's class", 16),
    "balanced accuracy": ("the mean of the classes' recalls, which naming the frequent class cannot raise", 1),
    "bootstrap": ("to draw the same number of cases again, with repetition, to see how a figure varies", 9),
    "characteristic function": ("the mean of waves of features, by which their distribution is known", 11),
    "collaborative filtering": ("to recommend to a user what users alike have liked", 17),
    "continual learning": ("classes or tasks arrive one after the other, and old data are gone", 5),
    "coreset": ("real images chosen to stand for all", 5),
    "cosine annealing": ("a learning rate that falls from its start to zero along half a cosine", 1),
    "differential privacy": ("what is released changes little, in probability, by one image more or less", 12),
    "distillation": ("of a data set: to find few synthetic images that teach a network what many real ones do", 1),
    "distribution matching": ("to let features of real and synthetic images agree on the average", 2),
    "EL2N": ("how hard an image is: the length of the error of its predicted probabilities, early in training", 6),
    "embedding": ("the vector that a network hands to its classifier", 2),
    "epoch": ("one pass over a training set; its number of updates depends on the set's size", 1),
    "epsilon-ball": ("the images of which no pixel differs from a given one's by more than epsilon", 16),
    "expert trajectory": ("the weights, epoch after epoch, of a network trained on the real data", 6),
    "FedAvg": ("clients train copies of one network, and the mean of their weights is the next", 15),
    "federated learning": ("many clients train one network, and their data stay where they are", 15),
    "FLOP": ("one floating-point operation; a multiply-accumulate (MAC) is two", 1),
    "form": ("how the images of a set are made of what is stored", 11),
    "graph convolution": ("every node shares its numbers with its neighbours, then weights are applied", 17),
    "images per class": ("the size of a synthetic set, short IPC", 1),
    "instance norm": ("each channel of each image is shifted and scaled to mean 0 and variance 1 over its places", 1),
    "kernel": ("a function of two images that stands for the product of their features", 7),
    "lossless": ("a set so good that nothing is lost against the full data, within the error of the test", 8),
    "member": ("an image that a set, or a network, was made from", 14),
    "membership inference": ("to guess whether an image was a member", 14),
    "nDCG": ("how good a list is: hits count the more, the earlier they stand, over the best possible list", 17),
    "non-IID": ("dealt so that clients are not alike, as some have few of the classes", 15),
    "NTK": ("neural tangent kernel: the product of a network's gradients for two images", 7),
    "over-smoothing": ("after many graph convolutions all joined nodes are alike", 17),
    "padding": ("rows of zeros behind the last word, by which all texts get one length", 17),
    "post-processing": ("whatever is computed from a private release costs no further privacy", 14),
    "protocol": ("how a network is trained and tested to score a set: optimiser, length, augmentation", 1),
    "proxy": ("a small set on which networks are compared in place of the full data", 9),
    "round": ("of federated learning: something goes down to all clients, and something comes back", 15),
    "shadow model": ("one made as the attacked one was, from known images, to learn how members differ", 14),
    "siamese augmentation": ("the same random shift, turn or scale for the real and the synthetic side", 2),
    "soft label": ("a label with a share of every class, rather than one class", 6),
    "spectrogram": ("a sound as a picture: how strong each tone is at each time", 17),
    "stratified": ("split so that every class has the same share in each part", 1),
    "synthetic set": ("what is distilled: images with labels", 1),
    "TF-IDF": ("how often a word stands in a text, weighed up if it stands in few texts", 17),
    "transfer": ("to train another network on a set than the one it was distilled with", 4),
    "truncation": ("to differentiate through a window of a training's steps only", 12),
    "unlinkable": ("nobody who has an image can find out whether a set was made from it", 14),
    "update": ("one step of an optimiser", 1),
    "word vector": ("numbers that stand for a word, learned so that words of like use lie near", 17),
}


def glossary() -> str:
    """The terms as a Markdown table."""
    rows = [(term, *GLOSSARY[term]) for term in sorted(GLOSSARY, key=str.lower)]
    return tabulate(rows, ("term", "what it means", "lesson"), "github")
