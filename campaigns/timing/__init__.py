"""When something is due: wall clocks, quiet hours and series. Pure functions, no database."""
