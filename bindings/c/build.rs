//! Gives the shared library the name by which programs will look for it: `libhaoyuan.so.` and the ABI's major number.

use std::env;

/// Changes when a program that was linked before would not work any more; equal to `HAOYUAN_ABI_MAJOR`, which a test checks.
const ABI_MAJOR: u32 = 0;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux" | "android" | "freebsd") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libhaoyuan.so.{ABI_MAJOR}");
        }
        Ok("macos") => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libhaoyuan.{ABI_MAJOR}.dylib");
        }
        _ => {}
    }
}
