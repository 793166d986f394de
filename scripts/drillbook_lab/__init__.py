"""Tools of the demonstration, the tests and the benchmarks: the embedded lab, and traffic on its service. Not part of the package that is installed."""
