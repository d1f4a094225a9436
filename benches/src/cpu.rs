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

/// Seconds of a core that a process has used; `None` where the system has no `/proc`.
pub(crate) fn seconds_of(process: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // After the name, which may have anything in it: the 12th and 13th are user and system time (proc(5)).
    let mut times = text.rsplit_once(')')?.1.split_whitespace().skip(11).map(str::parse::<f64>);
    let ticks = times.next()?.ok()? + times.next()?.ok()?;
    // What the kernel tells user space is in hundredths of a second, whatever its own clock (USER_HZ).
    Some(ticks / 100.0)
}

fn status(process: &str, member: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(member))?;
    line.split_whitespace().next()?.parse().ok()
}
