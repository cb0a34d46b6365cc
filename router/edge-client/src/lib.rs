//! Client SDK: reconnect, resend until receipt, datagrams.
