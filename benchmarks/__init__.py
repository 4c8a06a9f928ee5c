"""Benchmarks for asv (`bench_<topic>.py`) and comparisons with other libraries (`peers/`); see docs/benchmarks.md."""
