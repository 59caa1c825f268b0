//! The FIFO and datagram sockets of the management interface, and commands to the user agent and back.
