//! Webhooks, from the job that asks for one to the receiver that gets it, or must not.

mod answers;
mod encrypted;
mod hosts;
mod messages;
mod routes;
mod scene;
mod secrets;
mod targets;
