//! Fake network, clock and peers round the real core, for tests only.
