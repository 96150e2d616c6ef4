"""Registry of rules of dynamic evaluation: name -> rule. A file and a line here make one more."""

from recurra.errors import SettingError
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
        raise SettingError(f"adaptation has no rule {name}: choose one of {', '.join(RULES)}")
    return RULES[name]()
