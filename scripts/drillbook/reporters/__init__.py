"""Who is told of a run while it happens: a file each, made where the run is wired. What they raise never harms the run."""
