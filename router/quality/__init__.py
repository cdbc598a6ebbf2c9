"""How good each model's answer to a prompt would be: learned from labels, begun from cards, and chosen by."""
