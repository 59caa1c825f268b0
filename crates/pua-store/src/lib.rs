//! What outlives the daemon: publications, subscriptions and their dialog usages in a database.
