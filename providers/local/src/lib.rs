//! Files, commands and supervised processes on this machine.
