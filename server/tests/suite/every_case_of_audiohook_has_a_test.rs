//! The specification's list of cases, held against the names of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Of AudioHook: connection, envelope, `open`, stream, end.
const CASES: std::ops::RangeInclusive<u32> = 1..=72;

/// The numbers in the names of a file's tests: `fn case_017_…` in Rust, `def test_case_017_case_029_…` in Python.
fn cases_of(text: &str) -> BTreeSet<u32> {
    let names = text.lines().map(str::trim_start).filter(|line| {
        ["fn case_", "async fn case_", "def test_case_"].iter().any(|begin| line.starts_with(begin))
    });
    let numbers =
        names.flat_map(|name| name.split("case_").skip(1)).filter_map(|rest| rest.get(..3)?.parse().ok());
    numbers.collect()
}

fn files_of(folder: &Path, fits: impl Fn(&str) -> bool) -> BTreeSet<u32> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let tests = all.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&fits));
    tests.flat_map(|path| cases_of(&fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn each_by_its_number() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tested = files_of(&server.join("src/audio_channel/audiohook"), |name| name.ends_with(".rs"));
    tested.extend(files_of(&server.join("tests/clients"), |name| {
        name.starts_with("test_audiohook_") || name.starts_with("test_the_first_start")
    }));
    let missing: Vec<u32> = CASES.filter(|case| !tested.contains(case)).collect();
    assert!(missing.is_empty(), "without a test: {missing:?}");
}

#[test]
fn names_are_read_as_they_are_written() {
    let text = "    fn case_003_both() {\n#[tokio::test]\nasync fn case_011_case_014_x() {}\n# case_099 is only named\n\
                def test_case_017_case_029_y(server):\n    assert case_050\n";
    assert_eq!(cases_of(text), BTreeSet::from([3, 11, 14, 17, 29]));
}
