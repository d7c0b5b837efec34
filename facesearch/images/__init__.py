"""Pictures in, pictures out: decoding, quality, crops, drawing."""
