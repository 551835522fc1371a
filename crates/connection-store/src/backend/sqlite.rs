//! What only a store in an SQLite file has: how it is made and opened, and its copies.

mod copies;
mod opening;

pub(crate) use self::{
    copies::{BEGUN, Taken, folder_of, sweep_leftovers, sync_folder, unwritable},
    opening::{FORMAT, make_folder},
};
