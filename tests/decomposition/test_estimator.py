"""The topic model as scikit-learn and its users see it."""

import inspect
import pickle
import re

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import skvi
from skvi import MeanFieldTopicModel
from tests.decomposition.cases import corpus

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [
    MeanFieldTopicModel(),
    MeanFieldTopicModel(3),
    MeanFieldTopicModel(3, learning_method="online"),
    MeanFieldTopicModel(3, doc_topic_prior="auto", topic_word_prior="auto-asymmetric"),
]


@quiet
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@quiet
@parametrize_with_checks([MeanFieldTopicModel(3, learning_method="memoized", batch_size=20)])
def test_scikit_learn_checks_of_mini_batches(estimator, check):
    # Mini-batches are sets of rows: weights equal repetition in batch learning only, as documented.
    if "weight_equivalence" not in str(check):
        check(estimator)


@quiet
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize(
    "check",
    [
        checks.check_param_validation,
        checks.check_set_output_transform,
        checks.check_set_output_transform_pandas,
        checks.check_set_output_transform_polars,
        checks.check_global_output_transform_pandas,
        checks.check_global_set_output_transform_polars,
        checks.check_dataframe_column_names_consistency,
        checks.check_transformer_get_feature_names_out,
        checks.check_transformer_get_feature_names_out_pandas,
        checks.check_get_feature_names_out_error,
        checks.check_inplace_ensure_writeable,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_that_the_common_list_leaves_out(check):
    check("MeanFieldTopicModel", MeanFieldTopicModel(2))


def test_parameters_are_those_of_scikit_learn_and_more():
    theirs = set(inspect.signature(LatentDirichletAllocation).parameters)
    ours = set(inspect.signature(MeanFieldTopicModel).parameters)
    assert theirs - ours == {"evaluate_every", "perp_tol"}
    assert {"tol", "n_init", "init_params", "prior", "warm_start"} <= ours - theirs


@quiet
def test_fitted_attributes_are_those_of_scikit_learn():
    X = corpus(20, 15)
    theirs = LatentDirichletAllocation(3, max_iter=5, random_state=0).fit(X)
    ours = MeanFieldTopicModel(3, max_iter=5, random_state=0).fit(X)
    public = {name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")}
    for name in public - {"random_state_"}:
        assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name)), name
    for name in ("doc_topic_prior_", "topic_word_prior_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name)
    theirs.components_, theirs.exp_dirichlet_component_ = ours.components_, ours.exp_dirichlet_component_
    assert_allclose(ours.transform(X), theirs.transform(X), atol=2e-2)


def test_what_pyldavis_reads_is_there():
    X = corpus(20, 15)
    model = MeanFieldTopicModel(3, random_state=0).fit(X)
    assert model.components_.shape == model.exp_dirichlet_component_.shape == (3, 15)
    assert (model.components_ > 0.0).all()
    assert_allclose(model.transform(X).sum(axis=1), 1.0, rtol=1e-14)
    assert model.transform(X).shape == (20, 3)
    # exp(E[log topics]) is the geometric mean, below the arithmetic one.
    assert (model.exp_dirichlet_component_ < model.posterior_.topics.mean).all()


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_output_is_a_table_with_names(output):
    X = corpus(20, 15)
    model = MeanFieldTopicModel(3, random_state=0).fit(X)
    plain = model.transform(X)
    names = [f"meanfieldtopicmodel{k}" for k in range(3)]
    assert list(model.get_feature_names_out()) == names
    table = model.set_output(transform=output).transform(X)
    assert type(table).__module__.startswith(output)
    assert list(table.columns) == names
    assert_array_equal(table.to_numpy(), plain)
    assert_array_equal(clone(model).fit_transform(X).to_numpy(), plain)


def test_clones_fit_the_same():
    X = corpus(20, 15)
    init = np.random.default_rng(0).gamma(1.0, size=(3, 15))
    model = MeanFieldTopicModel(3, init_params=init, doc_topic_prior=[0.1, 0.2, 0.3], topic_word_prior=0.3).fit(X)
    again = clone(model)
    assert not hasattr(again, "components_")
    assert again.fit(X).elbo_ == model.elbo_


@pytest.mark.parametrize("priors", [{}, {"doc_topic_prior": "auto-asymmetric", "topic_word_prior": "auto"}])
def test_pickles_and_safe_files_transform_the_same(priors):
    X = corpus(30, 15)
    model = MeanFieldTopicModel(3, random_state=0, **priors).fit(X)
    loaded = pickle.loads(pickle.dumps(model))
    data = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("skvi.") for name in types), types
    safe = skops.io.loads(data, trusted=types)
    expected = model.score_samples(X)
    streamed = model.partial_fit(X[:10]).elbo_
    for other in (loaded, safe):
        assert_array_equal(other.score_samples(X), expected)
        assert other.partial_fit(X[:10]).elbo_ == pytest.approx(streamed, rel=1e-12)


TEXTS = [
    "the cat and the dog play",
    "dog and cat eat cat food",
    "a cat naps, the dog barks",
    "stocks and bonds fell today",
    "bonds rose while stocks fell",
    "investors sold bonds and stocks",
] * 3


def test_pipelines_and_searches_use_the_bound():
    pipeline = make_pipeline(CountVectorizer(stop_words="english"), MeanFieldTopicModel(2, random_state=0))
    proportions = pipeline.fit_transform(TEXTS)
    main = proportions.argmax(axis=1).reshape(-1, 2, 3)
    assert (main == main[0, :, :1]).all()
    assert main[0, 0, 0] != main[0, 1, 0]
    search = GridSearchCV(pipeline, {"meanfieldtopicmodel__n_components": [1, 2]}, cv=3).fit(TEXTS)
    assert search.best_params_["meanfieldtopicmodel__n_components"] == 2
    scores = cross_val_score(pipeline, TEXTS, cv=3)
    assert search.best_score_ == pytest.approx(scores.mean(), rel=1e-12)
    names = pipeline[0].get_feature_names_out()
    top = pipeline[-1].top_words(names, n=3)
    assert {"cat", "dog"} <= set(top.word)


def test_weights_are_routed():
    X, weights = corpus(30, 15), np.random.default_rng(0).uniform(size=30)
    with config_context(enable_metadata_routing=True):
        model = MeanFieldTopicModel(2, random_state=0).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"n_components": [1, 2]}, cv=2).fit(X, sample_weight=weights)
    direct = clone(model).set_params(**search.best_params_).fit(X, sample_weight=weights)
    assert search.best_estimator_.elbo_ == pytest.approx(direct.elbo_, rel=1e-12)


def test_names_of_frames_are_kept_and_checked():
    X = corpus(20, 4)
    frame = pd.DataFrame(X.toarray(), columns=list("abcd"))
    model = MeanFieldTopicModel(2, random_state=0).fit(frame)
    assert_array_equal(model.feature_names_in_, list("abcd"))
    assert set(model.top_words().word) == set("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame[list("dcba")])


@quiet
def test_documentation_names_every_parameter_and_attribute():
    model = MeanFieldTopicModel(2, max_iter=2, random_state=0).fit(pd.DataFrame(np.eye(4), columns=list("abcd")))
    doc = MeanFieldTopicModel.__doc__
    attributes = [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
    for name in [*model.get_params(), *attributes]:
        assert re.search(rf"\n    (\w+, )*{name}(, \w+)* : ", doc), name


def test_html_representation_links_to_the_documentation():
    assert "skvi.readthedocs.io" in MeanFieldTopicModel(2)._repr_html_()
    assert skvi.MeanFieldTopicModel is MeanFieldTopicModel
