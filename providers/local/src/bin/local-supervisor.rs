//! The supervisor on its own, for programs that embed the local provider and have no hidden subcommand for it:
//! `local-supervisor __supervise SPEC`.

fn main() {
    let mut args = std::env::args_os().skip(1);
    let code = match (args.next(), args.next()) {
        (Some(command), Some(spec)) if command == "__supervise" => {
            deployctl_provider_local::supervise(std::path::Path::new(&spec))
        }
        _ => 64,
    };
    std::process::exit(code);
}
