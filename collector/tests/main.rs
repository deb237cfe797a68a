//! The collector between a fake node and a fake server, over real files and real sockets.

#[path = "cases/basics.rs"]
mod basics;
#[path = "cases/field.rs"]
mod field;
#[path = "cases/outages.rs"]
mod outages;
#[path = "cases/random.rs"]
mod random;
#[path = "cases/rotation.rs"]
mod rotation;
mod support;
