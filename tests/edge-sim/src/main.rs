//! `edge-sim`: see [`edge_sim::cli`].

fn main() -> std::process::ExitCode {
    edge_sim::cli::main()
}
