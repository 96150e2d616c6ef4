"""Registry of rules of dynamic evaluation: name -> rule. A file and a line here make one more."""

from recurra.errors import unknown
from recurra.models.adaptation.base import Rule
from recurra.models.adaptation.rms import RMSRule
from recurra.models.adaptation.sgd import SGDRule

RULES: dict[str, type[Rule]] = {rule.name: rule for rule in (RMSRule, SGDRule)}


def make_rule(name: str) -> Rule:
    """The rule of that name.

    Raises:
        SettingError: there is none.
    """
    if name not in RULES:
        raise unknown("rule", name, RULES)
    return RULES[name]()
