"""The command line: `graphdam train | evaluate | embed | info | bench | report | settings`."""
