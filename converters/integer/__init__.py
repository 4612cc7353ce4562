"""Networks of levels as integers: every BatchNorm and activation is three thresholds a channel, and sums are whole."""
