//! What `pua config check` looks at beyond the file: whether the machine has what the configuration
//! names. `pua serve` finds out by itself, when it needs the things.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::fields::Check;
use super::{Config, DatagramListen, StoreUrl};
use crate::mi::Fifo;

impl Check<'_> {
    /// Errors are what the daemon would refuse to start with.
    pub(super) fn surroundings(&mut self, config: &Config) {
        if let StoreUrl::Sqlite(path) = &config.store.url {
            self.store_file(path);
        }
        if let Some(fifo) = &config.mi.fifo {
            if let Err(error) = Fifo::owner(fifo) {
                let hint = "name one that is there, or give its number".to_owned();
                let key = match (&fifo.user, &fifo.group) {
                    (None, _) => "mi.fifo.group",
                    _ => "mi.fifo.user",
                };
                self.fault(key, &error.to_string(), hint);
            }
            self.taken("mi.fifo.path", &fifo.path, |kind| kind.is_fifo());
            if !fifo.reply_dir.is_dir() {
                let what = format!("there is no directory {}", fifo.reply_dir.display());
                let hint = "no reply can be written there: make it, or name another one".to_owned();
                self.warn("mi.fifo.reply_dir", &what, hint);
            }
        }
        for listen in config.mi.datagram.iter().flat_map(|datagram| &datagram.listen) {
            if let DatagramListen::Unix(path) = listen {
                self.taken("mi.datagram.listen", path, |kind| kind.is_socket());
            }
        }
        for path in config.mi.stream.iter().flat_map(|stream| &stream.listen) {
            self.taken("mi.stream.listen", path, |kind| kind.is_socket());
        }
    }

    fn store_file(&mut self, path: &Path) {
        if path.is_dir() {
            let what = format!("{} is a directory", path.display());
            self.fault("store.url", &what, "name a file in it".to_owned());
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
            let what = format!("there is no directory {}", directory.display());
            let hint = "make it, writable for the daemon's user".to_owned();
            match directory.is_absolute() {
                true => self.fault("store.url", &what, hint),
                // The daemon may run elsewhere.
                false => self.warn("store.url", &what, hint),
            }
        }
    }

    /// A name that must be free, or lead to what is made there.
    fn taken(&mut self, key: &str, path: &Path, fits: impl Fn(&std::fs::FileType) -> bool) {
        if let Ok(there) = std::fs::symlink_metadata(path)
            && !fits(&there.file_type())
        {
            let what = format!("{} exists and is something else", path.display());
            self.fault(key, &what, "remove it, or name another path".to_owned());
        }
    }
}
