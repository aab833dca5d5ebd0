"""The command line: `graphdam train | evaluate | embed | info`."""
