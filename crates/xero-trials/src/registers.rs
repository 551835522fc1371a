//! The registers of a traced process at a system call: which call, its arguments, and another result than the kernel's.

use nix::errno::Errno;
use nix::libc::user_regs_struct;
use nix::sys::ptrace;
use nix::unistd::Pid;

/// What a stopped process is about to ask the kernel for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) number: i64,
    pub(crate) arguments: [u64; 3],
}

#[cfg(target_arch = "x86_64")]
mod machine {
    use super::{Call, user_regs_struct};

    pub(super) fn call(registers: &user_regs_struct) -> Call {
        Call {
            number: registers.orig_rax.cast_signed(),
            arguments: [registers.rdi, registers.rsi, registers.rdx],
        }
    }

    pub(super) fn set_argument(registers: &mut user_regs_struct, index: usize, value: u64) {
        match index {
            0 => registers.rdi = value,
            _ => registers.rsi = value,
        }
    }

    pub(super) fn set_result(registers: &mut user_regs_struct, value: u64) {
        registers.rax = value;
    }
}

#[cfg(target_arch = "aarch64")]
mod machine {
    use super::{Call, user_regs_struct};

    pub(super) fn call(registers: &user_regs_struct) -> Call {
        let regs = &registers.regs;
        Call { number: regs[8].cast_signed(), arguments: [regs[0], regs[1], regs[2]] }
    }

    pub(super) fn set_argument(registers: &mut user_regs_struct, index: usize, value: u64) {
        registers.regs[index] = value;
    }

    pub(super) fn set_result(registers: &mut user_regs_struct, value: u64) {
        registers.regs[0] = value;
    }
}

/// The call that a process is stopped before, or after.
pub(crate) fn call(process: Pid) -> Result<Call, Errno> {
    Ok(machine::call(&ptrace::getregs(process)?))
}

/// Takes from a call what it needs (no descriptor, no path), so that the kernel refuses it without doing anything.
pub(crate) fn spoil(process: Pid, argument: usize, value: u64) -> Result<(), Errno> {
    let mut registers = ptrace::getregs(process)?;
    machine::set_argument(&mut registers, argument, value);
    ptrace::setregs(process, registers)
}

/// Lets a call that was made end with an error.
pub(crate) fn fail(process: Pid, argument: (usize, u64), error: Errno) -> Result<(), Errno> {
    let mut registers = ptrace::getregs(process)?;
    machine::set_argument(&mut registers, argument.0, argument.1);
    machine::set_result(&mut registers, (-i64::from(error as i32)).cast_unsigned());
    ptrace::setregs(process, registers)
}
