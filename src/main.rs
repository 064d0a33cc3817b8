//! The `deployctl` program.

/// A plan is many small values on two threads, and the C library's allocator takes a third of its time for them. This one
/// takes the C compiler that ring needs already, and nothing else. The library leaves the choice to its caller.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    deployctl::cli::main()
}
