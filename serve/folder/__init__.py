"""Reading whole folders without a server: what is named becomes files, files become rows, on Ray Data."""
