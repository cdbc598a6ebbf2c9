"""Price tables from files and addresses: fetched here once, told to all routers."""
