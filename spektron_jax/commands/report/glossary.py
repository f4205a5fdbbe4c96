"""What the words of a page mean: shown where one rests on a word, and at its end."""

import re

from markupsafe import Markup, escape

MEANINGS = {
    "RMSEP": "root mean square error of prediction: the usual size of an error on "
    "samples that were not used to fit, in the unit of the property",
    "RMSE": "root mean square error: the usual size of an error, in the unit of the "
    "property",
    "bias": "mean of predicted minus measured: what all errors have in common",
    "SEP": "standard error of prediction: SD of the errors about the bias",
    "slope": "of the line of measured against predicted values; 1 is ideal",
    "RPD": "SD of the measured values divided by the error; below 1.5 of no use, from "
    "2 for screening, from 3 for quantification",
    "RPIQ": "interquartile range of the measured values divided by the error",
    "R²": "share of the variance of the measured values that predictions explain; "
    "negative: worse than their mean",
    "T²": "Hotelling's T²: how extreme a spectrum is within the variation that the "
    "calibration knows; its limit is passed by 1 of 100 like spectra",
    "Q": "squared distance of a spectrum from all that the calibration knows: a shape "
    "it has not seen; its limit is passed by 1 of 100 like spectra",
    "95 % interval": "would hold the true value in 95 of 100 repetitions of this test "
    "with other splits of the same samples",
    "cross-validated": "each sample is predicted by a fit that did not see it",
    "paired": "the same samples, measured on both instruments",
    "transfer samples": "the samples of the new instrument that the transfer used",
    "PLS": "partial least squares regression, the usual calibration of spectra",
    "SNV": "standard normal variate: each spectrum to mean 0 and SD 1",
    "CORAL": "correlation alignment: source spectra get the covariance of the target's",
    "GLSW": "generalised least squares weighting: directions in which the instruments "
    "differ count less",
    "EPO": "external parameter orthogonalisation: directions in which the instruments "
    "differ are removed",
    "SST": "spectral space transformation, from the shared components of both "
    "instruments",
    "DS": "direct standardisation: a matrix from target to source spectra",
    "PDS": "piecewise direct standardisation: each point of the source from a window "
    "of the target",
    "mean-centring": "each instrument's mean spectrum is taken away",
    "slope/bias": "predictions of the old model corrected by a straight line",
    "pooled PLS": "PLS on the samples of both instruments together",
    "ridge update": "old coefficients, moved as little as the new samples need",
    "z_chem": "the network's code of the chemistry; should not know the instrument",
    "z_inst": "the network's code of the instrument",
    "nats": "unit of information, 1.44 bits",
    "KL": "Kullback-Leibler divergence: how much a code tells of its input",
    "linear probe": "a simple classifier on the code: shows what the code knows",
    "top-1": "the right answer is the first of the list",
    "top-5": "the right answer is among the first five",
    "cosine": "cosine of the angle between two spectra; 1: the same shape",
    "SHA-256": "checksum of a file: the same text, the same file",
}
_WORDS = re.compile(
    r"(?<![\w/])("
    + "|".join(map(re.escape, sorted(MEANINGS, key=len, reverse=True)))
    + r")(?![\w/])"
)


class Glossary:
    """Marks the first use of each word on one page.

    Attributes:
      used: meanings of the words so far
    """

    def __init__(self) -> None:
        self.used: dict[str, str] = {}

    def __call__(self, text: str) -> Markup:
        """The text, escaped, with words that are new to the page explained."""
        parts = _WORDS.split(str(text))
        marked = [
            self._marked(part) if place % 2 else escape(part)
            for place, part in enumerate(parts)
        ]
        return Markup("").join(marked)

    def _marked(self, word: str) -> Markup:
        if word in self.used:
            return escape(word)
        self.used[word] = MEANINGS[word]
        return Markup('<abbr title="{}">{}</abbr>').format(MEANINGS[word], word)
