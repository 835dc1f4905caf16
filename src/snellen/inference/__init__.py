"""Networks over many photographs: engines, and a data set in shards, resumable, here or on many machines."""
