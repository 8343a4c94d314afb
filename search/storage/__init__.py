"""What lies in a study's folder, written whole or not at all."""
