//! An event state compositor and notifier without IO: the embedded presence server.
