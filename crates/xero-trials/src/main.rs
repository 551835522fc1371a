#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is its purpose")]

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod args;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod bench;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod disk;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod disk_call;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod error;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod faults;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod home;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod hosts;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod many;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod planted;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod process;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod registers;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod stepper;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod subject;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod table;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod trials;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod verdict;

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn main() -> ExitCode {
    trials::main()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() -> ExitCode {
    eprintln!("error: the trials trace system calls as Linux (with glibc) has them, and run nowhere else");
    ExitCode::FAILURE
}
