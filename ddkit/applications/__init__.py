"""What distilled sets are good for, a module for each use; their specs are run by ``ddkit.run`` like all others."""
