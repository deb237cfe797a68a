//! Fields: how the attributes of a record are reached by name, in queries of both tiers alike.
