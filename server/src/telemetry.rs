//! In: what the server has to tell its operator. Out: lines on standard error, without personal data.
//!
//! Our own messages hold session ids, counts and kinds of errors. Libraries are another matter: at their debug levels some
//! print what they receive, tokens included. Whatever the filter says, nothing below `INFO` is taken from them, and nothing
//! at all from the `log` facade that some of them use.

use std::io;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterFn, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// The environment variable that holds the filter, for example `debug` or `peakstream_server::session=debug`.
pub const FILTER_VARIABLE: &str = "PEAKSTREAM_LOG";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether a message may be logged at all.
fn permitted(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("peakstream") || *metadata.level() <= Level::INFO
}

/// A subscriber that writes to `writer` what `filter` lets through.
///
/// # Errors
/// If the filter cannot be read.
pub fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter)?;
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    Ok(Registry::default().with(lines.with_filter(FilterFn::new(permitted))).with(filter))
}

/// Installs the subscriber of the process.
///
/// # Errors
/// If the filter cannot be read, or a subscriber is installed already.
pub fn install(format: LogFormat) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| "info".into());
    // Not `init`, which would also listen to the `log` facade.
    tracing::subscriber::set_global_default(subscriber(&filter, format, io::stderr)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn libraries_cannot_log_what_they_receive_whatever_the_filter_says() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber("trace", LogFormat::Text, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "hyper::proto", "auth: secret");
            tracing::info!(target: "hyper::proto", "useful");
            tracing::trace!(target: "peakstream_server::x", "ours");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("secret") && text.contains("useful") && text.contains("ours"), "{text}");
    }
}
