//! The `deployctl` program.

fn main() -> std::process::ExitCode {
    deployctl::cli::main()
}
