"""The benchmarks: Skep's rows measured beside its rivals, in one run (docs/performance.md)."""
