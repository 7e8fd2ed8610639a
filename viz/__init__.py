"""Text and pictures of a Function."""

if __name__ != "tapec.viz":
    raise ImportError("this package is named tapec.viz: import tapec.viz")
