//! The presence user agent without IO: publications as leases, kept at the server by a state machine.
