"""What ``benchmarks/robustness.py`` tries, one section in each module: ``cases(seed, number)`` lists its cases.

A case is a frozen value with ``section``, ``kind`` and ``name``, and ``work(store) -> list[Result]``.
"""
