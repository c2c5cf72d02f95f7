"""One module per migration. None ever changes after it was released."""
