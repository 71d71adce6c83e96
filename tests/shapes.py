"""The checker of signatures while tests run: beartype, with a whole number accepted where a float is expected."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
