"""What ``tools/benchmark.py`` measures: a model, the data path, priors, a VLM, a start, the evaluator.

Nothing is imported here: each subcommand needs a part only.
"""
