//! SIGTERM and SIGINT stop, SIGHUP reloads.

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::EngineHandle;
use super::handle::Control;

/// Passes the signals on to the engine.
///
/// # Errors
/// The system does not let us handle them.
pub(super) fn watch(runtime: &Runtime, engine: EngineHandle) -> std::io::Result<()> {
    let _inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    // Not to be ended by it: a file that may not grow is told by the write that fails.
    let mut too_large = signal(SignalKind::from_raw(nix::sys::signal::Signal::SIGXFSZ as i32))?;
    runtime.spawn(async move {
        loop {
            tokio::select! {
                Some(()) = terminate.recv() => engine.stop(),
                Some(()) = interrupt.recv() => engine.stop(),
                Some(()) = hangup.recv() => engine.order(Control::Hangup),
                Some(()) = too_large.recv() => {}
                else => return,
            }
        }
    });
    Ok(())
}
