"""
What do the manuals talk about?
===============================

The docstrings of numpy, scipy, pandas and scikit-learn are a corpus of some five thousand short texts that every
installation holds. A pipeline counts their words and finds topics. Held-out texts say how many topics predict best, and
credible intervals how well the probability of each word is known.
"""

import importlib
import inspect
import pkgutil
import re
import tempfile
import warnings

import pandas as pd
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import Pipeline

from skvi import MeanFieldTopicModel

COLORS = {"numpy": "#0072B2", "scipy": "#D55E00", "pandas": "#009E73", "sklearn": "#CC79A7"}
SKIPPED = re.compile(r"_|test|conftest|setup|experimental|externals|distutils|f2py|blas|lapack")
REST = re.compile(r"\n\s*(Examples\n|\*\*Array API)")
# Words of docstrings on anything, besides those of English.
NUMPYDOC = """args array arrays attribute attributes bool callable class default deprecated dict dtype example
    examples false float func function functions given https input int keyword kwargs like list math method methods
    ndarray note notes numpy object optional output param parameter parameters pandas raises ref reference references
    return returned returns scikit scipy self set shape sklearn specified str string true tuple type types use used
    user using value values versionadded versionchanged warns wikipedia yields""".split()


def modules(name):
    """Import a module and the public ones below it, in alphabetical order; leave out those that fail."""
    try:
        module = importlib.import_module(name)
    except Exception:
        return
    yield module
    for info in sorted(pkgutil.iter_modules(getattr(module, "__path__", [])), key=lambda info: info.name):
        if not SKIPPED.match(info.name):
            yield from modules(f"{name}.{info.name}")


def docstrings(module, package):
    """Yield the docstrings of a module's public functions and classes, and of the classes' methods."""
    own = [value for value in vars(module).values() if inspect.isclass(value) and value.__module__.startswith(package)]
    for owner in [module, *own]:
        for name, value in sorted(vars(owner).items()):
            public = (getattr(value, "__module__", None) or package).startswith(package) and not name.startswith("_")
            if public and (callable(value) or isinstance(value, property)) and isinstance(value.__doc__, str):
                yield REST.split(value.__doc__)[0].strip()


texts = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of deprecated modules
    for package in COLORS:
        for text in (text for module in modules(package) for text in docstrings(module, package) if len(text) > 300):
            texts.setdefault(text[:60], (text, package))  # of those that begin alike, the first
corpus = pd.DataFrame(texts.values(), columns=["text", "package"])
print(f"{len(corpus)} docstrings:", ", ".join(f"{n} of {name}" for name, n in corpus["package"].value_counts().items()))

# %%
# Texts in, proportions of topics out. The cache saves counting the same words again for each number of topics.
cache = tempfile.TemporaryDirectory()
stop_words = [*ENGLISH_STOP_WORDS, *NUMPYDOC]
words = CountVectorizer(stop_words=stop_words, token_pattern=r"\b[a-z]{3,}\b", min_df=5, max_df=0.2)
pipeline = Pipeline([("words", words), ("topics", MeanFieldTopicModel(random_state=0))], memory=cache.name)

# %%
# `score` is the mean ELBO of held-out texts, so a grid search by it alone needs no `scoring`. Here half of the texts
# answer another question too: how probable is each word of one half of a text, given the other half?
scoring = {"ELBO": lambda fit, texts: fit[-1].elbo_, "held-out ELBO": Pipeline.score}
scoring["log p(word)"] = lambda fit, texts: fit[-1].document_completion(fit[0].transform(texts), random_state=0)
sizes = [5, 10, 25, 50, 100, 200]
split = ShuffleSplit(1, test_size=0.5, random_state=0)
search = GridSearchCV(pipeline, {"topics__n_components": sizes}, scoring=scoring, cv=split, refit=False)
results = search.fit(corpus["text"]).cv_results_
table = pd.DataFrame({name: results[f"mean_test_{name}"] for name in scoring}, index=pd.Index(sizes, name="topics"))
print(f"\nThe held-out ELBO of a text peaks at {table['held-out ELBO'].idxmax()} topics:\n")
print(table.round({"held-out ELBO": 1, "log p(word)": 3, "ELBO": 0}).to_string())

# %%
# Fewer topics are easier to read. They come by falling share of the words. Which package is each mostly from?
proportions = pd.DataFrame(pipeline.set_params(topics__n_components=25).fit_transform(corpus["text"]))
words, topics = pipeline.named_steps.values()
sources = proportions.groupby(corpus["package"]).sum() / proportions.sum()
top = topics.top_words(words.get_feature_names_out(), n=7)
summary = top.groupby("topic")["word"].agg(" ".join).str.ljust(75).to_frame("words")
summary.insert(0, "share", [f"{s:.1%}" for s in topics.components_.sum(axis=1) / topics.components_.sum()])
summary.insert(1, "mostly from", sources.idxmax() + sources.max().map(" {:.0%}".format))
print(f"\n25 topics of all texts:\n\n{summary.to_string(justify='left')}")

# %%
# The two scores over the number of topics, and the largest topics: words with 90 % intervals of their probabilities.
import matplotlib.pyplot as plt  # noqa: E402

figure = plt.figure(figsize=(14, 6.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 3.6])
for axis, column in zip(left.subplots(2, 1), ["held-out ELBO", "log p(word)"], strict=True):
    axis.plot(table.index.astype(str), table[column], "o-", color="0.15")
    axis.set(title=column, xlabel="number of topics", ylabel="nats")
for k, axis in enumerate(right.subplots(2, 4).flat):
    bars, color = top[top["topic"] == k], COLORS[sources[k].idxmax()]
    axis.barh(bars["word"], 100 * bars["probability"], color=color, alpha=0.8)
    axis.hlines(bars["word"], 100 * bars["lower"], 100 * bars["upper"], color="0.15")
    axis.invert_yaxis()
    axis.set_title(summary["mostly from"][k], color=color)
right.suptitle("The largest of 25 topics, and the package that each is mostly from")
right.supxlabel("probability of a word in the topic, in %, with 90 % intervals", fontsize="medium")
for axis in figure.axes:
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("topics.png", dpi=120)
cache.cleanup()
print("\nSaved topics.png")
