//! Non-INVITE client and server transactions without IO, and the index of due times under them.
