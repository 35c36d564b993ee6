//! Makes what the TypeScript of the npm package is compiled against: the `.wasm` with its glue, and
//! the code tables as types. Run by `build.sh`, which then calls `tsc`.

mod codes;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package's folder")?;
    let module = compile(package)?;
    let dist = package.join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).context("removing the old dist")?;
    }
    let glue = dist.join("wasm");
    // `nodejs` glue reads the module synchronously: CommonJS needs no `await init()`. With the reset
    // function a trapped instance can be replaced.
    Bindgen::new()
        .input_path(&module)
        .out_name("peergate")
        .nodejs(true)?
        .typescript(true)
        .reset_state_function(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&glue)
        .context("wasm-bindgen")?;
    fs::write(package.join("ts/codes.ts"), codes::module()).context("writing ts/codes.ts")
}

/// Compiles the crate in the profile of the modules and returns where the module is.
fn compile(package: &Path) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(package)
        .args(["build", "--profile", "wasm", "--locked", "--target", "wasm32-unknown-unknown"])
        .args(["-p", "peergate-node"])
        .status()
        .context("running cargo")?;
    ensure!(
        status.success(),
        "cargo build failed; is the target there? rustup target add wasm32-unknown-unknown"
    );
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| package.join("../target"), |folder| package.join("..").join(folder));
    Ok(target.join("wasm32-unknown-unknown/wasm/peergate_node.wasm"))
}
