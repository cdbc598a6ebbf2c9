"""What models cost, by tables that others keep."""
