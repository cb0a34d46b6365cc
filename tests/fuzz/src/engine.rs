//! LLVM's libFuzzer, driven from Rust: the target is the first argument, everything else is libFuzzer's.
#![allow(unsafe_code, reason = "libFuzzer is C++")]

use std::ffi::{CString, c_char, c_int};
use std::process::ExitCode;
use std::sync::OnceLock;

use edge_fuzz::Target;
use libfuzzer_sys as _;

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        argc: *mut c_int,
        argv: *mut *mut *mut c_char,
        one: extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

static TARGET: OnceLock<&'static Target> = OnceLock::new();

/// What `libfuzzer-sys` calls where its own main function runs, which is not here.
#[unsafe(no_mangle)]
#[allow(improper_ctypes_definitions, reason = "its declaration is the library's")]
extern "C" fn rust_fuzzer_test_input(bytes: &[u8]) -> i32 {
    TARGET.get().expect("set before the driver runs").check(bytes);
    0
}

extern "C" fn one(data: *const u8, len: usize) -> c_int {
    // SAFETY: libFuzzer gives `len` bytes that stay as they are during the call; of none it may give no address.
    let bytes = if len == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(data, len) } };
    TARGET.get().expect("set before the driver runs").check(bytes);
    0
}

/// Runs libFuzzer until it ends.
pub(crate) fn run(target: &'static Target, arguments: &[String]) -> ExitCode {
    let _ = TARGET.set(target);
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var(super::TARGET_VARIABLE, target.name) };
    abort_on_panic();
    target.warm_up();
    let program = std::env::args().next().unwrap_or_default();
    let len_max = format!("-max_len={}", target.len_max);
    let words = [program, len_max].into_iter().chain(arguments.iter().cloned());
    let words: Vec<CString> = words.filter_map(|word| CString::new(word).ok()).collect();
    let mut pointers: Vec<*mut c_char> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    let mut count = pointers.len() as c_int;
    pointers.push(std::ptr::null_mut());
    let mut list = pointers.as_mut_ptr();
    // SAFETY: a list of `count` C strings with a null behind it, alive until the driver returns.
    let code = unsafe { LLVMFuzzerRunDriver(&raw mut count, &raw mut list, one) };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// libFuzzer keeps the input of a process that aborts.
fn abort_on_panic() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        std::process::abort();
    }));
}
