"""How hypothesis searches: the same examples every time by default, new and many with a flag.

``pytest --hypothesis-profile=long`` looks further. No profile has a deadline: other work on the
same cores must not fail a test.
"""

from hypothesis import settings

settings.register_profile("quick", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile("quick")
