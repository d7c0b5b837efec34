"""What people ask and decide about an album, as pure values: nothing here knows files or a database."""
