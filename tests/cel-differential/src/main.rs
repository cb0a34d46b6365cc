//! `cel-differential`: see [`cel_differential::cli`].

fn main() -> std::process::ExitCode {
    cel_differential::cli::main()
}
