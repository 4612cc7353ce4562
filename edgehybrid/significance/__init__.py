"""Which layers of a trained binary network deserve more bits: principal components of their maps."""
