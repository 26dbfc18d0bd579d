"""Documents made of the stored results, and of the commands themselves."""
