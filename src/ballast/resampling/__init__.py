"""What samplers share: the plan that they return, draws, neighbours."""
