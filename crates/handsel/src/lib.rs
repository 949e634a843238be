//! All in one process, and the command line.
