//! The registry of SIP event packages and, in time, their documents.
