//! The program `peakstream`: wiring only, see [`peakstream_server::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Returns freed memory to the system. With glibc's, a process that has served fifty calls at once keeps 400 MiB more than
/// before; with this one, 50 (`tests/fifty_calls_at_once.rs`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    small_pages();
    peakstream_server::cli::main()
}

/// Gives memory page by page. A call reserves room for all of its speech and fills it while it talks; with huge pages, which the
/// allocator asks for, each call would get 2 MiB zeroed when it begins: 16 ms for a session instead of 3.
fn small_pages() {
    // The kernel may be too old or built without them: then there is nothing to switch off.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
