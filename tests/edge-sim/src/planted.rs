//! `edge-sim-planted`: the same program over code that carries planted bugs; `EDGE_MUTANT` names the active one.

fn main() -> std::process::ExitCode {
    edge_sim::cli::main()
}
