//! What the processor offers, what the program was compiled for, and what the system says about a process.

/// Instruction sets that decide about speed.
pub(crate) fn features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let detected = [
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("fma", std::is_x86_feature_detected!("fma")),
            ("avx512f", std::is_x86_feature_detected!("avx512f")),
            ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
            ("avx512bf16", std::is_x86_feature_detected!("avx512bf16")),
        ];
        detected.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        Vec::new()
    }
}

/// Threads that a process has (`self`, or its number); `None` where the system has no `/proc`.
pub(crate) fn threads_of(process: &str) -> Option<u64> {
    status(process, "Threads:")
}

/// Bytes of physical memory that a process holds; `None` where the system has no `/proc`.
pub(crate) fn resident_bytes_of(process: &str) -> Option<u64> {
    status(process, "VmRSS:").map(|kibibytes| kibibytes * 1024)
}

/// Ticks of a second in `/proc`, on every Linux (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;

/// Processor time that a process has used, in steps of 10 ms; `None` where the system has no `/proc`.
pub(crate) fn seconds_of(process: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may hold anything: state is the third member, user and system time are the 14th and 15th.
    let members: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = members.get(11)?.parse::<f64>().ok()? + members.get(12)?.parse::<f64>().ok()?;
    Some(ticks / TICKS)
}

fn status(process: &str, member: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(member))?;
    line.split_whitespace().next()?.parse().ok()
}
