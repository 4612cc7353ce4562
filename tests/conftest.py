"""Settings of the random tests: a failure prints how to repeat it, and a slow machine is no failure."""

from hypothesis import settings

settings.register_profile("edgehybrid", deadline=None, print_blob=True, database=None)
settings.load_profile("edgehybrid")
