//! In: the settings. Out: the page `docs/configuration.md`, and the example file in it.

use std::fmt::Write;

use super::load::FILE_NAME;
use super::setting::{Kind, Setting};

const INTRODUCTION: &str = "\
# Configuration

<!-- Written by `peakstream config reference`; a test compares. Change `server/src/config.rs`, then:
     cargo run -p peakstream-server -- config reference > docs/configuration.md -->

Every setting is a key of a file, an environment variable and a flag of `peakstream serve`. **A flag wins over the
environment, the environment over the file, the file over the default.** A variable that is empty is not set. A switch
can be set both ways by each of them: `--keep-open`, `--keep-open=false`.

The file is TOML. It is named with `--config FILE` or `PEAKSTREAM_CONFIG`; where it is not, `peakstream.toml` in the data
directory is read if it is there, and nothing else. Paths in it are relative to the directory the server is started in.
An unknown key is an error, and so is a value that does not fit; an unknown variable that resembles a setting is pointed
out.

| command | does |
|---|---|
| `peakstream config check` | finds everything that is wrong, without starting; exit status 2 if anything is |
| `peakstream config show` | every setting as it would be, and where it comes from; `--json` for machines |
| `peakstream config reference` | this page |

All take the flags of `peakstream serve`. What is logged is set by `PEAKSTREAM_LOG` alone (`info`, `debug`,
`peakstream_server::session=debug`). `PEAKSTREAM_CPU` (`portable`, `neon`, `avx2`, `avx512`) keeps the inner loops to a
lower instruction set than the processor's best, for comparison.
";

/// The page.
pub fn markdown() -> String {
    let settings = Setting::all();
    let mut page = INTRODUCTION.to_owned();
    for group in groups(&settings) {
        let title = match group[0].heading() {
            Some(heading) => format!("{heading}: `[{}]`", group[0].section()),
            None => "Above all sections".to_owned(),
        };
        page += &format!("\n## {title}\n\n");
        page += "| key | flag | environment | default | values | meaning |\n|---|---|---|---|---|---|\n";
        page.extend(group.into_iter().map(row));
    }
    page += &format!(
        "\n## A file with every default\n\nAs `{FILE_NAME}`; remove the `#` before what you change.\n\n"
    );
    page += &format!("```toml\n{}```\n", example());
    page
}

/// A file that sets nothing, with every default in a comment: `#` begins a setting, `# ` an explanation.
pub fn example() -> String {
    let settings = Setting::all();
    let mut text = String::new();
    for group in groups(&settings) {
        if group[0].heading().is_some() {
            text += &format!("\n[{}]\n", group[0].section());
        }
        for setting in group {
            let defaults = setting.default_values();
            let value = if defaults.is_empty() { "…".to_owned() } else { setting.toml(&defaults) };
            let mark = if defaults.is_empty() { "# (not set) " } else { "#" };
            // Writing into a string does not fail.
            let _ = writeln!(text, "# {}\n{mark}{} = {value}", setting.meaning(), setting.name());
        }
    }
    text
}

/// The settings by section, in their order; in a file, what stands above all sections can stand nowhere else.
fn groups(settings: &[Setting]) -> Vec<Vec<&Setting>> {
    let mut groups: Vec<Vec<&Setting>> = Vec::new();
    for setting in settings {
        match groups.iter_mut().find(|group| group[0].section() == setting.section()) {
            Some(group) => group.push(setting),
            None => groups.push(vec![setting]),
        }
    }
    groups.sort_by_key(|group| group[0].heading().is_some());
    groups
}

fn row(setting: &Setting) -> String {
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let defaults = setting.default_values();
    let default = if defaults.is_empty() { String::new() } else { setting.toml(&defaults) };
    let cells = [
        code(&setting.name()),
        code(&setting.flag()),
        code(setting.variable().unwrap_or_default()),
        code(&default),
        values(setting),
        setting.meaning(),
    ];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

/// The unit of a setting, or the values it can have.
fn values(setting: &Setting) -> String {
    let choices = setting.choices();
    if setting.kind() == Kind::Switch {
        return "`true`, `false`".to_owned();
    }
    if !choices.is_empty() {
        return choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    }
    let one = match setting.value_name() {
        "S" => "seconds".to_owned(),
        "MS" => "milliseconds".to_owned(),
        "N" => "whole number".to_owned(),
        "X" => "number".to_owned(),
        "MIB" => "MiB".to_owned(),
        "DIR" => "folder".to_owned(),
        "URL" => "URL".to_owned(),
        other => other.to_lowercase(),
    };
    if setting.is_list() { format!("list: {one}") } else { one }
}
