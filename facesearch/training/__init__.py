"""Train an embedder: triplets of faces, chosen to be hard, pull a person's faces together and push others away."""
