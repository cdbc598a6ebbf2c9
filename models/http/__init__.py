"""HTTP to model servers: a pooled HTTP/1.1 client on httptools, and aiohttp behind a forward proxy."""
