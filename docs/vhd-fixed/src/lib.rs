//! A format outside the project: fixed VHD, the example of the guide for format authors.
