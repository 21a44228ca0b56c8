//! The laws of a run, each as a test: what `design.md` promises, tried on small and hostile guests.
//!
//! One binary, so that the library is linked once. No test counts what other tests of its process can change; those
//! that must are in the program `alone`.

mod boundary;
mod cancel;
mod contract;
mod determinism;
mod guests;
mod isolation;
mod kinds;
mod load;
mod sandbox;
mod soak;
