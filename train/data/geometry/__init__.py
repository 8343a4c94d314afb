"""How pictures become inputs of a network and its answers places in them; numpy, for serving, too."""
