//! The lane of counts: what is read, written, held and called is counted, and may not grow. Times are told elsewhere.

mod calls;
mod ranges;
mod read;
mod window;
mod written;
