//! The management interface as values: commands, replies, errors, and their encodings.
