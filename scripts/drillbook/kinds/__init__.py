"""The kinds of service, each in a folder of its own, declared in its file `kind`. Nothing outside compares a kind's name."""
