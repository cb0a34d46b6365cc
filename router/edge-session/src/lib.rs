//! A client's session as a sans-I/O machine over quinn-proto.
