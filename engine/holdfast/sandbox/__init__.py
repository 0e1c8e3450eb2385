"""The locked child and its parent's side. Nothing is imported here: the child locks first."""
