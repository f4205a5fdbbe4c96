"""Classical calibration transfer, one fit/predict pair a method, looked up by name.

predict = make("glsw0.01/sg1").fit(data)
y = predict(X_new)
"""

from spektron_jax.transfer.methods.registry import FAMILIES, make

__all__ = ["FAMILIES", "make"]
