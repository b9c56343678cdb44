"""Strangers' code: a kernel in a sandbox, with limits, whose checks are themselves checked."""
