//! The real doors: UDP on io_uring and on epoll, files, clock, entropy. The home of unsafe.
