"""The native runtime: C++ kernels, the delegate that a LiteRT interpreter loads, and how they are built."""
