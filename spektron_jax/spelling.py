"""British and American spelling, capitals: what is typed and what is meant."""

import re

# American -> British, at the places where they differ.
_BRITISH = (
    (r"(lab|mod|lev|chann)el(?=ed|ing)", r"\1ell"),
    (r"(?<=[a-z]{3})yz(?=e|ing)", "ys"),
    (r"(?<=[a-z]{3})iz(?=e|ing|ation)", "is"),
    (r"\b(col|flav|vap|od|behavi)or", r"\1our"),
    (r"\b(fib|cent|lit)er", r"\1re"),
    (r"sulf", "sulph"),
    (r"aluminum", "aluminium"),
    (r"\bgray", "grey"),
)


def british(word: str) -> str:
    """A word in lower case and British spelling, for comparing with another."""
    word = word.casefold()
    for american, ours in _BRITISH:
        word = re.sub(american, ours, word)
    return word
