"""Decisions of routing at Control: kept ones, and those that routers are asked for."""
