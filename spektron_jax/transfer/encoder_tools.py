"""What a fitted transfer can do with its encoder: rerender, neighbours, a latent map.

L = points, m = new spectra, q = their points.
"""

from typing import Any

import numpy as np

from spektron_jax.errors import ADD_NETWORK, NetworkMissing, SpektronError, has_network
from spektron_jax.transfer.data import TransferData
from spektron_jax.transfer.several import of_one

WITHOUT_ENCODER = (
    "the encoder, which has a part where no target sample has a label, was left out: "
    f"JAX is not installed ({ADD_NETWORK})"
)


class EncoderTools:
    """Methods of `CalibrationTransfer` that need the encoder's weights."""

    features_: Any
    _data: TransferData | None

    def _aligned(self, X: Any, axis: Any) -> np.ndarray:
        raise NotImplementedError

    @of_one
    def rerender(self, X: Any, axis: Any = None) -> np.ndarray:
        """Target spectra as the source instrument would have measured them.

        From z_chem of the spectra and the mean z_inst of the source, through the
        transfer head (`encoder/rerender.py`); what the latents do not carry is lost.

        Args:
          X, axis: as in `predict`                                       (m, q), (q,)

        Returns:
          Spectra on `axis_`                                             (m, L)

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> ct.rerender(X[:2]).shape  # needs the encoder
          (2, 700)
        """
        from spektron_jax.encoder.rerender import instrument_code, rerender

        X, (features, data) = self._aligned(X, axis), self._encoder("rerender")
        return rerender(features, X, instrument_code(features, data.X_source))

    @of_one
    def neighbours(
        self, X: Any, k: int = 5, axis: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k source spectra nearest to target spectra in z_chem.

        Codes of the target are moved by the mean difference of the instruments.

        Args:
          X, axis: as in `predict`                                       (m, q), (q,)
          k: how many

        Returns:
          Rows of X_source, best first, and cosines about their mean, both (m, k).

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> rows, cosines = ct.neighbours(X[:2], k=3)  # needs the encoder
          >>> rows.shape
          (2, 3)
        """
        from spektron_jax.encoder.neighbours import nearest_source

        X, (features, data) = self._aligned(X, axis), self._encoder("neighbours")
        return nearest_source(features, data, X, k)

    @of_one
    def latent_map(self, X: Any, axis: Any = None) -> dict[str, np.ndarray]:
        """Both instruments in z_chem before and after; see `neighbours.latent_map`.

        Examples:
          >>> from spektron_jax import demo
          >>> ct, X, y = demo.transferred()
          >>> points = ct.latent_map(X)  # needs the encoder
          >>> points["target_after"].shape
          (30, 2)
        """
        from spektron_jax.encoder.neighbours import latent_map

        X, (features, data) = self._aligned(X, axis), self._encoder("latent_map")
        return latent_map(self.features_, features, data, X)

    def _encoder(self, name: str) -> tuple[Any, TransferData]:
        """The encoder in use, adapted if it is to be, and the data it was fitted on."""
        if not has_network() and self.features_ is None:
            raise NetworkMissing(name)
        if self._data is None or not hasattr(self.features_, "adapted"):
            raise SpektronError(
                f"{name}: needs an object that was fitted with weights of an encoder; "
                "a loaded model keeps no spectra"
            )
        return self.features_.adapted(self._data.X_target), self._data
