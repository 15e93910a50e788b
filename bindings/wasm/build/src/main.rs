//! Makes the JavaScript side of a WebAssembly module: `haoyuan-wasm-build MODULE.wasm FOLDER NAME` writes `NAME.js`,
//! `NAME.d.ts` and `NAME_bg.wasm` into the folder.
//!
//! The library behind the `wasm-bindgen` command is used, so that nothing has to be installed and its version is the one
//! that the lock file names.

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder, name] = arguments.as_slice() else {
        eprintln!("usage: haoyuan-wasm-build MODULE.wasm FOLDER NAME");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name(name).typescript(false).omit_default_module_path(true);
    let made = bindgen.web(true).and_then(|bindgen| bindgen.generate(folder));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("haoyuan-wasm-build: {module}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
