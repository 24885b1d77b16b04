//! A disk that gets full, and what a store on it must do then.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use dewar::store::{Created, Key, Store};
use dewar::{Error, UnixTime};
use tempfile::TempDir;

/// A file system of its own that is soon full; every user may write there. Unmounted when dropped.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// One of so many kilobytes; `None` where this process may not mount any.
    pub(crate) fn of(kilobytes: u32) -> Option<SmallDisk> {
        let disk = SmallDisk(tempfile::tempdir().unwrap());
        let made = disk.mount(&format!("mode=777,size={kilobytes}k"));
        made.then_some(disk)
    }

    /// Gives it another size.
    pub(crate) fn resize(&self, kilobytes: u32) {
        assert!(self.mount(&format!("remount,size={kilobytes}k")));
    }

    /// Lets nobody write there any more.
    pub(crate) fn protect(&self) {
        assert!(self.mount("remount,ro"));
    }

    fn mount(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let output = command.arg(self.path()).output();
        output.is_ok_and(|output| output.status.success())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that writes there may be stopped after this.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Creates sessions until the disk is full; the error that says so.
///
/// Every session that was acknowledged must be there then, and writing must go on when there is room again.
pub(crate) async fn fill(store: &dyn Store, disk: &SmallDisk, later: UnixTime) -> Error {
    let key = |number: u32| Key::new(format!("session:{number}"));
    let mut stored = 0;
    let error = loop {
        assert!(stored < 10_000, "it never gets full");
        match store.create(&key(stored), noise(stored), later).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    for number in 0..stored {
        let record = store.load(&key(number)).await.unwrap().unwrap();
        assert_eq!(record.blob, noise(number), "session {number} of {stored}");
    }
    disk.resize(20_000);
    let created = store.create(&key(stored), noise(stored), later).await;
    assert!(matches!(created.unwrap(), Created::Done(_)));
    error
}

/// Some kilobytes that nothing compresses, others for each number.
fn noise(number: u32) -> Bytes {
    let mut state = number | 0x1000_0000;
    let bytes = (0..4000).map(|_| {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    bytes.collect()
}

/// What to say, and do, where this process may not mount one.
pub(crate) fn forbidden() {
    assert!(
        std::env::var_os("CI").is_none(),
        "in CI the tests must be able to mount a file system: run them as root"
    );
    eprintln!("ignored: this process may not mount a file system");
}
