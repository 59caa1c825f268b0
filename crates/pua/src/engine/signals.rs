//! SIGTERM and SIGINT stop, SIGHUP reloads.

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::EngineHandle;
use super::handle::Control;

/// From now on a file that may not grow is told by the write that fails; by itself the signal would
/// end the process.
///
/// # Errors
/// The system does not let us handle it.
pub(super) fn outlive_file_limits(runtime: &Runtime) -> std::io::Result<()> {
    let _inside = runtime.enter();
    // It stays handled when nobody waits for it.
    signal(SignalKind::from_raw(nix::sys::signal::Signal::SIGXFSZ as i32)).map(drop)
}

/// Passes the signals on to the engine.
///
/// # Errors
/// The system does not let us handle them.
pub(super) fn watch(runtime: &Runtime, engine: EngineHandle) -> std::io::Result<()> {
    let _inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    runtime.spawn(async move {
        loop {
            tokio::select! {
                Some(()) = terminate.recv() => engine.stop(),
                Some(()) = interrupt.recv() => engine.stop(),
                Some(()) = hangup.recv() => engine.order(Control::Hangup),
                else => return,
            }
        }
    });
    Ok(())
}
