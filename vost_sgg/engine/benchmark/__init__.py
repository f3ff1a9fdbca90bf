"""What ``tools/benchmark.py`` measures: parameters, speed and memory of a model, speed of the evaluator.

Nothing is imported here: each subcommand needs a part only.
"""
