//! The laws of a run, each as a test: what `design.md` promises, tried on small and hostile guests.
//!
//! One binary, so that the library is linked once. No test counts what other tests of its process can change; those
//! that must are in the program `alone`.

mod admission;
mod boundary;
mod callbacks;
mod calls;
mod cancel;
mod chaos;
mod closures;
mod components;
mod contract;
mod determinism;
mod guests;
mod inline;
mod isolation;
mod javascript;
mod kinds;
mod kwargs;
mod languages;
mod load;
mod output;
mod postgres_locks;
mod postgres_plans;
mod proposals;
mod python;
mod queue;
mod random;
mod sandbox;
mod schedules;
mod shutdown;
mod soak;
mod sources;
mod usage;
mod worker;
