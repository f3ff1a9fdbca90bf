"""What ``tools/benchmark.py`` measures: a model, the data path, a start on a large data set, the evaluator.

Nothing is imported here: each subcommand needs a part only.
"""
