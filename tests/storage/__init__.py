"""Files behind a URL: in memory, on a server of S3, and on this machine."""
