"""Which data sets have a name, and what is known of each graph unread (needs no torch)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphdam.data.image_registry import IMAGE_SETS, ImageSetInfo
from graphdam.data.ogb_layout import ogb_files
from graphdam.data.point_registry import POINT_SETS, PointSetInfo
from graphdam.data.rating_registry import RATING_SETS, is_ratings
from graphdam.errors import DataError, unknown_choice

DataKind = Literal["graphs", "images", "points", "ratings"]
Kind = Literal["embedded", "planetoid", "amazon", "coauthor", "heterophilous", "ogb"]

PLANETOID_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
NUM_GEOM_GCN_SPLITS = 10


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a named data set without reading it.

    Attributes:
        name: what the user calls it, in lower case.
        kind: the collection it belongs to; `embedded` sets come with the installed packages.
        description: one line for a list.
        num_nodes: nodes; a set that is read is refused if it has another number.
        num_features: features of a node, checked likewise.
        num_classes: classes, or yes-or-no labels of a node, checked likewise; 0 without labels.
        splits: the splits that it offers, the default first (`SPLITS` describes each).
        binary: whether its two classes are scored by ROC-AUC, as its paper does.
        bag_of_words: whether features are counts or weights of words, divided by their row sum.
        links: whether its split is of links, which are to be predicted, and no node has a label.
        folder: where its files lie under a data root, as PyG or OGB lays them; empty if embedded.
    """

    name: str
    kind: Kind
    description: str
    num_nodes: int
    num_features: int
    num_classes: int
    splits: tuple[str, ...]
    binary: bool = False
    bag_of_words: bool = False
    links: bool = False
    folder: str = ""

    @property
    def needs_download(self) -> bool:
        return self.kind != "embedded"

    @property
    def default_split(self) -> str:
        return self.splits[0]

    def raw_files(self, split: str) -> tuple[str, ...]:
        """The files that hold the graph and this split, relative to a data root.

        >>> find_dataset("photo").raw_files("random")
        ('amazon/Photo/raw/amazon_electronics_photo.npz',)
        """
        if self.kind == "ogb":
            return tuple(f"{self.folder}/{place}" for place in ogb_files(self.name, split).values())
        stem = self.folder.rpartition("/")[2].lower()
        if self.kind == "planetoid":
            names = [f"ind.{stem}.{part}" for part in PLANETOID_PARTS]
            if split == "geom-gcn":
                names += [f"{stem}_split_0.6_0.2_{i}.npz" for i in range(NUM_GEOM_GCN_SPLITS)]
                return tuple(f"{self.folder}/geom-gcn/raw/{name}" for name in names)
            return tuple(f"{self.folder}/raw/{name}" for name in names)
        prefix = {"amazon": "amazon_electronics_", "coauthor": "ms_academic_"}.get(self.kind, "")
        stem = stem[:3] if self.kind == "coauthor" else stem
        return (f"{self.folder}/raw/{prefix}{stem}.npz",)


SPLITS = {
    "public": "the published split of Planetoid: 20 training nodes a class, 500 / 1000 to test",
    "geom-gcn": "the ten published 60 / 20 / 20 % splits of Geom-GCN",
    "published": "the ten 50 / 25 / 25 % splits that come with the set",
    "random": "ten seeded splits: 20 training and 30 validation nodes a class, the rest to test",
    "random-20": "the first of the ten `random` splits, alone",
    "seeded": "one seeded split: 20 training nodes a class, 500 for validation, the rest to test",
    "time": "OGB's: the newest papers, or links, are tested on, those before them validated on",
    "throughput": "OGB's: links that are cheap to find are learnt from, costlier ones tested on",
    "sales_ranking": "OGB's: the goods sold most are learnt from, those sold least tested on",
    "species": "OGB's: the proteins of some species are learnt from, those of others tested on",
    "own": "the masks that a user's graph brings",
}

_EMBEDDED = ("seeded", "random")
_PLANETOID = ("public", "geom-gcn", "random")
_SEEDED_20 = ("random-20", "random")
_PUBLISHED = ("published",)


def _embedded(
    name: str, description: str, sizes: tuple[int, int, int], bag_of_words: bool = False
) -> DatasetInfo:
    return DatasetInfo(name, "embedded", description, *sizes, _EMBEDDED, bag_of_words=bag_of_words)


def _planetoid(folder: str, description: str, sizes: tuple[int, int, int]) -> DatasetInfo:
    return DatasetInfo(
        folder.lower(),
        "planetoid",
        description,
        *sizes,
        _PLANETOID,
        bag_of_words=True,
        folder=f"planetoid/{folder}",
    )


def _shchur(
    kind: Literal["amazon", "coauthor"], folder: str, description: str, sizes: tuple[int, int, int]
) -> DatasetInfo:
    return DatasetInfo(
        folder.lower(),
        kind,
        description,
        *sizes,
        _SEEDED_20,
        bag_of_words=True,
        folder=f"{kind}/{folder}",
    )


def _heterophilous(name: str, description: str, sizes: tuple[int, int, int]) -> DatasetInfo:
    folder = f"heterophilous/{name.replace('-', '_')}"
    return DatasetInfo(
        name,
        "heterophilous",
        description,
        *sizes,
        _PUBLISHED,
        binary=sizes[2] == 2,
        folder=folder,
    )


def _ogb(name: str, description: str, sizes: tuple[int, int, int], split: str) -> DatasetInfo:
    folder, links = name.replace("-", "_"), name.startswith("ogbl-")
    return DatasetInfo(name, "ogb", description, *sizes, (split,), links=links, folder=folder)


DATASETS: dict[str, DatasetInfo] = {
    info.name: info
    for info in (
        _embedded("digits", "handwritten digits, each joined to its 10 nearest", (1797, 64, 10)),
        _embedded("karate", "Zachary's karate club, four communities", (34, 34, 4)),
        _embedded("sbm", "a seeded stochastic block model, noisy topic words", (800, 100, 5), True),
        _planetoid("Cora", "citations between machine-learning papers", (2708, 1433, 7)),
        _planetoid("CiteSeer", "citations between computer-science papers", (3327, 3703, 6)),
        _planetoid("PubMed", "citations between papers on diabetes", (19717, 500, 3)),
        _shchur("amazon", "Photo", "photo goods bought together", (7650, 745, 8)),
        _shchur("amazon", "Computers", "computer goods bought together", (13752, 767, 10)),
        _shchur("coauthor", "CS", "co-authors in computer science", (18333, 6805, 15)),
        _shchur("coauthor", "Physics", "co-authors in physics", (34493, 8415, 5)),
        _heterophilous("tolokers", "crowd workers who shared tasks; banned or not", (11758, 10, 2)),
        _heterophilous("roman-empire", "words of an article; syntactic roles", (22662, 300, 18)),
        _heterophilous("amazon-ratings", "goods bought together; rating classes", (24492, 300, 5)),
        _heterophilous("minesweeper", "a grid with mines; mine or not", (10000, 7, 2)),
        _heterophilous(
            "questions", "users who answered each other; active or not", (48921, 301, 2)
        ),
        _ogb("ogbn-arxiv", "citations between arXiv's papers; fields", (169343, 128, 40), "time"),
        _ogb("ogbn-products", "goods bought together; kinds", (2449029, 100, 47), "sales_ranking"),
        _ogb("ogbn-mag", "citations between papers of MAG; venues", (736389, 128, 349), "time"),
        _ogb("ogbn-proteins", "proteins that act together; functions", (132534, 8, 112), "species"),
        _ogb("ogbl-collab", "authors who wrote together, by year", (235868, 128, 0), "time"),
        _ogb("ogbl-ppa", "proteins that act together; species", (576289, 58, 0), "throughput"),
    )
}


def is_link_set(name: str) -> bool:
    """Whether a graph of this name has links to predict, and no labels.

    >>> is_link_set("ogbl-collab"), is_link_set("ogbn-arxiv")
    (True, False)
    """
    info = DATASETS.get(name.strip().lower())
    return info is not None and info.links


def is_image_set(name: str) -> bool:
    """Whether a set of images has this name, whatever its case.

    >>> is_image_set("MNIST"), is_image_set("cora")
    (True, False)
    """
    return name.strip().lower() in IMAGE_SETS


def is_point_set(name: str) -> bool:
    """Whether a set of points has this name, whatever its case.

    >>> is_point_set("linear-points"), is_point_set("cora")
    (True, False)
    """
    return name.strip().lower() in POINT_SETS


def kind_of(name: str) -> DataKind:
    """What a data set's name, or the path of one's own, means; a graph unless it is known better.

    >>> kind_of("mnist"), kind_of("ratings.csv"), kind_of("my_graph.npz")
    ('images', 'ratings', 'graphs')
    """
    if is_image_set(name):
        return "images"
    if is_point_set(name):
        return "points"
    return "ratings" if is_ratings(name) else "graphs"


def find_dataset(name: str) -> DatasetInfo:
    """The named graph, whatever the case of the name.

    Raises:
        DataError: no data set has this name, and the message lists those there are; or it is a
            set of images or of ratings.

    >>> find_dataset("Cora").folder
    'planetoid/Cora'
    """
    key = name.strip().lower()
    if key in DATASETS:
        return DATASETS[key]
    if key in POINT_SETS:
        raise DataError(
            f"'{key}' is a set of points ({POINT_SETS[key].description}), not a graph:"
            f" graphdam.data.load_points('{key}') draws it. Graphs are {', '.join(DATASETS)}."
        )
    if key in IMAGE_SETS:
        raise DataError(
            f"'{key}' is a set of images ({IMAGE_SETS[key].description}), not a graph:"
            f" graphdam.data.load_images('{key}') reads it. Graphs are {', '.join(DATASETS)}."
        )
    if key in RATING_SETS:
        raise DataError(
            f"'{key}' is a set of ratings ({RATING_SETS[key].description}), not a graph:"
            f" graphdam.data.load_ratings('{key}') reads it. Graphs are {', '.join(DATASETS)}."
        )
    raise _unknown(name)


def find_image_set(name: str) -> ImageSetInfo:
    """The named set of images, whatever the case of the name.

    Raises:
        DataError: no data set has this name, and the message lists those there are; or it is a
            graph.

    >>> find_image_set("MNIST").shape
    (1, 28, 28)
    """
    key = name.strip().lower()
    if key in IMAGE_SETS:
        return IMAGE_SETS[key]
    if key in DATASETS:
        raise DataError(
            f"'{key}' is a graph ({DATASETS[key].description}), not a set of images:"
            f" graphdam.load_graph('{key}') reads it. Sets of images are {', '.join(IMAGE_SETS)}."
        )
    raise _unknown(name)


def find_point_set(name: str) -> PointSetInfo:
    """The named set of points, whatever the case of the name.

    Raises:
        DataError: there is none, and the message lists those there are.

    >>> find_point_set("MLP-points").num_factors
    20
    """
    key = name.strip().lower()
    if key not in POINT_SETS:
        raise DataError(unknown_choice("set of points", name, POINT_SETS))
    return POINT_SETS[key]


def _unknown(name: str) -> DataError:
    return DataError(
        unknown_choice(
            "data set",
            name,
            [*DATASETS, *IMAGE_SETS, *POINT_SETS, *RATING_SETS],
            f"Images are {', '.join(IMAGE_SETS)}, points (for an autoencoder)"
            f" {', '.join(POINT_SETS)}, ratings {', '.join(RATING_SETS)}; the others are graphs."
            " Your own graph is given by the path of a .npz or .graphml file, or of a"
            " folder with edges.csv and nodes.csv; ratings of your own by that of a .csv file.",
        )
    )
