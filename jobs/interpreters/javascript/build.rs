//! How the interpreter is linked: its stack.

/// What C and Rust keep in linear memory of their stack. QuickJS refuses to go deeper than `STACK_BYTES` in
/// `src/machine.rs`, which is less; what is between is for what runs after it looked.
const LINEAR_STACK_BYTES: usize = 512 << 10;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-cdylib=-zstack-size={LINEAR_STACK_BYTES}");
}
