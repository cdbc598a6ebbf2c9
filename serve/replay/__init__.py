"""What other settings would have made of the decisions that were recorded."""
