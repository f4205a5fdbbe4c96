"""Preprocessing of one's own: any transformer that treats each spectrum by itself."""

import numpy as np
import pytest
from chemotools.baseline import LinearCorrection
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import MultiplicativeScatterCorrection, StandardNormalVariate
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from spektron_jax import CalibrationTransfer, SpektronError
from spektron_jax.transfer import transformers

GOOD = {
    "stateless": StandardNormalVariate(),
    "pipeline": make_pipeline(LinearCorrection(), SavitzkyGolay(window_length=7)),
    "fitted": make_pipeline(MultiplicativeScatterCorrection(), StandardScaler()),
    "fewer points": PCA(6),
}


def fitted(instruments, transformer, points_target=None, **known):
    X_s, axis, X_t, axis_t, y = instruments(points_target=points_target)
    ct = CalibrationTransfer(None, preprocessing=transformer)
    labelled = {"y_target": y[:10], "paired": np.arange(10)} | known
    return (
        ct.fit(X_s[:24], y[:24], axis, X_t[:10], axis_t, **labelled),
        X_t[24:],
        y[24:],
    )


@pytest.mark.parametrize("name", GOOD)
def test_both_instruments_are_preprocessed_before_everything(instruments, name):
    ct, X, y = fitted(instruments, GOOD[name])
    X_s, axis, X_t, _, labels = instruments()
    own = clone(GOOD[name]).fit(X_s[:24])
    np.testing.assert_allclose(ct._data.X_source, own.transform(X_s[:24]))
    np.testing.assert_allclose(ct._data.X_target, own.transform(X_t[:10]))
    np.testing.assert_allclose(ct.predict(X), ct._model(own.transform(X)), rtol=1e-9)
    assert np.sqrt(np.mean((ct.predict(X) - y) ** 2)) < 0.2
    assert not hasattr(GOOD[name], "n_features_in_")  # the argument stays as given


@pytest.mark.parametrize("name", GOOD)
def test_a_saved_model_preprocesses_alike(instruments, tmp_path, name):
    ct, X, _ = fitted(instruments, GOOD[name], points_target=97)
    loaded = CalibrationTransfer.load(ct.save(tmp_path / "model"))
    again = CalibrationTransfer.load(loaded.save(tmp_path / "again"))
    adapter = ct.save_adapter(tmp_path / "a.npz", "a", "today")
    for other in (loaded, again, clone_of(loaded, adapter)):
        np.testing.assert_array_equal(other.predict(X), ct.predict(X))
        np.testing.assert_array_equal(other.predict_interval(X), ct.predict_interval(X))
        np.testing.assert_array_equal(other.applicability(X), ct.applicability(X))
    assert repr(loaded.preprocessing) == repr(GOOD[name])


def clone_of(ct, adapter):
    return ct.switch(adapter)


@pytest.mark.filterwarnings("ignore::spektron_jax.errors.SpektronWarning")
def test_no_target_spectra(instruments):
    X_s, axis, X_t, _, y = instruments()
    ct = CalibrationTransfer(None, preprocessing=PCA(4)).fit(X_s, y, axis)
    assert np.isfinite(ct.predict(X_t)).all()


class MeanCentring(TransformerMixin, BaseEstimator):
    """Takes the mean of the batch away: what a row becomes depends on the others."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X - X.mean(axis=0)


class Doubled(MeanCentring):
    """Row by row, but of no package that models are loaded from."""

    def transform(self, X):
        return 2 * X


@pytest.mark.parametrize(
    "transformer, message",
    [
        (MeanCentring(), "MeanCentring makes of a spectrum depends on the spectra"),
        (
            make_pipeline(StandardScaler(), MeanCentring()),
            "Pipeline makes of a spectrum depends on the spectra",
        ),
        (PLSRegression(), "PLSRegression cannot be fitted on the source"),
        ("snv", "str cannot be fitted on the source"),
        (PCA(1000), "PCA cannot be fitted on the source"),
        (FunctionTransformer(np.log), "failed|must give finite numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_cannot_be_applied_is_refused(instruments, transformer, message):
    with pytest.raises(SpektronError, match=message):
        fitted(instruments, transformer)


@pytest.mark.parametrize(
    "transformer, message",
    [
        (Doubled(), "Doubled is a .*Doubled, which cannot be saved"),
        (FunctionTransformer(np.exp), "FunctionTransformer.func is a numpy.ufunc"),
        (
            make_pipeline(StandardScaler(), Doubled()),
            r"Pipeline.steps\[1\]\[1\] is a .*Doubled",
        ),
    ],
)
def test_what_cannot_be_restored_is_not_saved(
    instruments, tmp_path, transformer, message
):
    ct, X, _ = fitted(instruments, transformer)
    assert np.isfinite(ct.predict_interval(X)).all()
    with pytest.raises(SpektronError, match=message):
        ct.save(tmp_path / "model")
    with pytest.raises(SpektronError, match=message):
        ct.save_adapter(tmp_path / "a.npz", "a", "today")
    assert not list(tmp_path.iterdir())


def test_what_is_restored_otherwise_is_not_saved(instruments, tmp_path, monkeypatch):
    ct, *_ = fitted(instruments, StandardScaler())
    real = transformers.unpacked

    def rounded(described, arrays):
        return real(described, {k: np.round(v, 3) for k, v in arrays.items()})

    monkeypatch.setattr(transformers, "unpacked", rounded)
    with pytest.raises(SpektronError, match="StandardScaler cannot be restored"):
        ct.save(tmp_path / "model")


@pytest.mark.parametrize(
    "name", ["os.path.join", "subprocess.Popen", "sklearn.clone", "sklearn.no.Such"]
)
def test_a_file_names_no_code_of_its_own(name):
    described = {"class": name, "params": {}, "state": {}}
    with pytest.raises(SpektronError, match="of the saved model cannot be made"):
        transformers.unpacked(described, {})


def test_the_encoder_needs_its_points(instruments, tiny_weights):
    X_s, axis, X_t, _, y = instruments()
    labelled = {"y_target": y[:8], "paired": np.arange(8)}
    ct = CalibrationTransfer(tiny_weights, preprocessing=PCA(6))
    ct.fit(X_s, y, axis, X_t[:8], **labelled)  # the encoder has no weight
    for call in (ct.rerender, ct.neighbours):
        with pytest.raises(SpektronError, match="on its 80 points, got 6"):
            call(X_t)
    with pytest.raises(SpektronError, match="use weights=None"):
        ct.fit(X_s, y, axis, X_t[:8])
