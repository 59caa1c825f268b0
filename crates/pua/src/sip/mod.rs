//! SIP sockets: UDP and TCP, and the resolver.
