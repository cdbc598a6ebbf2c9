"""Which way of answering a request got."""

import msgspec


class Assignment(msgspec.Struct, frozen=True):
    """
    A request's place in an experiment.

    Attributes:
        experiment, variant: names out of the config.
        subject: what stays with the variant, hashed: 16 hex digits.
        propensity: the chance that it had of this variant.
        model: the public model that is to answer, or "" for the one asked for.
        target: the target that is to answer, or "" for any.
    """

    experiment: str
    variant: str
    subject: str
    propensity: float
    model: str = ""
    target: str = ""
