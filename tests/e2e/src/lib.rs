//! The whole pipeline against foreign readers and boots.
