"""Scripts for batch schedulers, as text: a head for each scheduler and what all have in common."""
