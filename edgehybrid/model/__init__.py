"""Renders a ``Network`` as a tf_keras model of Larq layers. Importing this package loads TensorFlow."""
