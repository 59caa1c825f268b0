//! The embedded presence server: sockets round the sans-IO event state compositor.
