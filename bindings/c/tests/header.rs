//! The committed header is what cbindgen makes of the code, and every function in it is one that the library exports.
//!
//! After a change of the interface: `PEAKSTREAM_WRITE=1 cargo test -p peakstream-c --test header`, and look at the difference.

use std::fs;
use std::path::{Path, PathBuf};

use peakstream_bindings::Reason;

fn in_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares what is committed, or writes it where that is asked for.
fn is_committed(path: &str, made: &str) {
    let path = in_crate(path);
    if std::env::var_os("PEAKSTREAM_WRITE").is_some() {
        fs::write(&path, made).expect("a file of the checkout");
    }
    let committed = fs::read_to_string(&path).expect("a committed file");
    assert!(
        committed == made,
        "{} is not what the code makes; write it with PEAKSTREAM_WRITE=1",
        path.display()
    );
}

/// What the header is made of, in its order: modules of the library, and how far a call is, one structure in every language.
const SOURCES: [&str; 9] = [
    "src/version.rs",
    "src/outcome.rs",
    "src/channel.rs",
    "src/engine.rs",
    "src/stream.rs",
    "../common/src/call.rs",
    "src/speech.rs",
    "src/decision.rs",
    "src/credential.rs",
];

fn header() -> String {
    let config = cbindgen::Config::from_file(in_crate("cbindgen.toml")).expect("cbindgen.toml");
    let mut made = Vec::new();
    SOURCES
        .iter()
        .fold(cbindgen::Builder::new(), |builder, source| builder.with_src(in_crate(source)))
        .with_config(config)
        .generate()
        .expect("a header")
        .write(&mut made);
    // What Rust calls the safety of a function is, for C, what its pointers must be.
    String::from_utf8(made).expect("UTF-8").replace("# Safety\n *\n", "Pointers:\n")
}

/// Names of the functions that the code exports, in order.
fn functions() -> Vec<String> {
    let mut names = Vec::new();
    for file in fs::read_dir(in_crate("src")).expect("the source") {
        let code = fs::read_to_string(file.expect("a file").path()).expect("source");
        names.extend(code.split("#[unsafe(no_mangle)]").skip(1).map(|rest| {
            let name = rest.split_once("fn ").expect("a function").1;
            name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().expect("a name").to_owned()
        }));
    }
    names.sort();
    names
}

#[test]
fn the_committed_header_is_what_the_code_makes() {
    is_committed("include/peakstream.h", &header());
}

#[test]
fn the_committed_list_of_symbols_is_what_the_code_exports_and_all_of_it_is_declared() {
    let header = header();
    let functions = functions();
    for name in &functions {
        assert!(name.starts_with("peakstream_"), "{name}");
        assert!(header.contains(&format!("{name}(")), "{name} is not in the header");
    }
    is_committed("symbols.txt", &(functions.join("\n") + "\n"));
}

#[test]
fn a_result_has_the_name_of_its_reason() {
    let names: Vec<_> = (0..)
        .map(|result| {
            // SAFETY: a constant text that ends with a zero.
            let name = unsafe { std::ffi::CStr::from_ptr(peakstream_c::peakstream_result_name(result)) };
            name.to_str().expect("UTF-8")
        })
        .take_while(|name| *name != "unknown")
        .collect();
    for reason in Reason::ALL {
        assert!(names.contains(&reason.name()), "{reason}");
    }
    assert_eq!(names.len(), peakstream_c::Outcome::Internal as usize + 1);
}
