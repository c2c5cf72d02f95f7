"""HTTP to servers of others: bounded in every way, verified, no redirects, no ambient proxies."""
