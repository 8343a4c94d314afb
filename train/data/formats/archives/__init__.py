"""Images and labels together in files of an archive or a database."""
