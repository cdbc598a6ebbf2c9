"""What clients lose when parts of the cluster change, go away or die under load."""
