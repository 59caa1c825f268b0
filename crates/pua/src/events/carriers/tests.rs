//! Carriers against receivers on this machine.
